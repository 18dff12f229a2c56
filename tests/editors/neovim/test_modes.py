"""Ways out of insert mode, and back: no ghost text is left behind, and none is waited for."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim
    from tests.scripted import Script

WAYS_OUT = {
    "escape": "<Esc>",
    "Ctrl-C, of which InsertLeave does not tell": "<C-c>",
    "replace mode": "<Insert>",
    "one normal command": "<C-o>",
    "a visual selection": "<C-o>v",
    "the command line": "<C-o>:",
    "the expression register": "<C-r>=",
    "a selection by shift and arrow": "<S-Left>",
    "a command that ends it": "<Cmd>stopinsert<CR>",
    "a terminal": "<Cmd>split | terminal<CR>",
    "another buffer": "<Cmd>new<CR>",
}


def wait_no_ghost_in(editor: "Neovim", buffer: int, way: str) -> None:
    """Return once a buffer, by its number, shows no ghost text."""
    editor.until(lambda: not editor.ghosts_in(buffer), f"without ghost text after {way}")


@pytest.mark.parametrize("own_or_builtin", ["own", "builtin"], indirect=True)
def test_every_way_out_of_insert_mode_hides_the_text(own_or_builtin: "Neovim") -> None:
    editor = own_or_builtin
    editor.command("set keymodel=startsel")
    for number, (way, keys) in enumerate(WAYS_OUT.items()):
        editor.open_afresh(f"way{number}.py", "")
        editor.wait_status("ready")
        editor.type("iimport o")
        editor.wait_ghost("s.path")
        buffer = editor.nvim.current.buffer.number
        editor.type(keys)
        wait_no_ghost_in(editor, buffer, way)
        editor.type(r"<C-\><C-n>")
        editor.command(f"silent buffer! {buffer} | silent only")
    editor.command("set keymodel&")


def test_from_replace_mode_back_the_text_comes_back(editor: "Neovim") -> None:
    editor.type("iimport o")
    editor.wait_ghost("s.path")
    editor.type("<Insert>")
    editor.wait_no_ghost()
    editor.type("<Insert>")
    editor.wait_ghost("s.path")


def test_no_answer_is_waited_for_after_ctrl_c(editor: "Neovim") -> None:
    editor.type("islow ")
    editor.wait_status("completing")
    editor.type("<C-c>")
    editor.wait_status("ready")


def test_replaced_text_asks_for_nothing(editor: "Neovim", shared_script: "Script") -> None:
    editor.type("ixxxxxxxx<Esc>0")
    editor.wait_status("ready")
    asked = len(shared_script.asked)
    editor.type("Rimport o")
    editor.wait_line(1, "import o")
    editor.wait_status("ready")
    assert (editor.ghosts, len(shared_script.asked)) == ([], asked)
