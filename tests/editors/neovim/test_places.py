"""The shipped model at places as people meet them, in Neovim as it comes, with either line end."""

from typing import TYPE_CHECKING

import pytest

from tests.editors.places import Place, read_places

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, StartNeovim

BEGIN = """
local lines, row, column, form = ...
vim.cmd('silent %bwipeout!')
vim.cmd.edit('place.py')
vim.bo.fileformat = form
vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
vim.api.nvim_win_set_cursor(0, { row, math.max(column - 1, 0) })
vim.cmd.startinsert({ bang = column >= #lines[row] })
"""


def begin(editor: "Neovim", place: Place, form: str) -> None:
    """Insert mode at the cursor of a place, in a file of its own."""
    before, after = place.start
    lines = (before + after).removesuffix("\n").split("\n")
    row, column = before.count("\n") + 1, len(before.rpartition("\n")[2])
    editor.command("stopinsert")
    editor.until(lambda: editor.nvim.api.get_mode()["mode"] == "n", "in normal mode")
    editor.lua(BEGIN, lines, row, column, form)
    editor.wait_status("ready")
    editor.until(lambda: editor.nvim.api.get_mode()["mode"] == "i", "in insert mode")
    editor.lua("vim.api.nvim_win_set_cursor(0, { ... })", row, column)


def take(editor: "Neovim", place: Place, form: str) -> bytes:
    """What is saved once the text at a place is shown and taken."""
    begin(editor, place, form)
    editor.command("messages clear")
    editor.type(place.typed or "<M-Bslash>")
    if place.gives:
        editor.wait_ghost(place.gives)
        editor.type("<Tab>")
    else:
        editor.until(lambda: "nothing to suggest here" in editor.messages, "answered")
    row = (place.before + place.gives).count("\n")
    editor.wait_line(row + 1, place.end.split("\n")[row])
    editor.command("silent write!")
    return (editor.project / "place.py").read_bytes()


@pytest.mark.parametrize(("form", "end"), [("unix", "\n"), ("dos", "\r\n")])
def test_what_is_taken_leaves_a_right_line(
    start_neovim: "StartNeovim", form: str, end: str
) -> None:
    editor = start_neovim("")
    editor.wait_status("ready")
    editor.lua("vim.fn.chdir(...)", str(editor.project))
    for place in read_places():
        saved = take(editor, place, form)
        assert saved == place.end.replace("\n", end).encode(), place.title
