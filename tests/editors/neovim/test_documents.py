"""Buffers that get another name or language, and text that changed while nobody read it."""

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim
    from tests.scripted import Script


def begin_nameless(editor: "Neovim") -> "Neovim":
    """The editor in the project's folder at a buffer that has no name, and text in it."""
    editor.command(f"cd {editor.project}")
    editor.command("enew")
    editor.command("setfiletype python")
    editor.wait_status("ready")
    editor.type("iimport o")
    editor.wait_ghost("s.path")
    editor.type("<Esc>")
    return editor


@pytest.fixture
def nameless(editor: "Neovim") -> "Neovim":
    """An editor at a buffer that has no name."""
    return begin_nameless(editor)


def goes_on(editor: "Neovim", script: "Script", path: str) -> None:
    """Type a line more: the server has the text, under its name."""
    editor.type("Gox = 1<CR>import o")
    editor.wait_ghost("s.path")
    editor.type("<Esc>")
    text = "\n".join(editor.lines)
    assert (script.asked[-1]["path"], script.asked[-1]["prefix"]) == (path, text)


def test_a_buffer_that_gets_a_name_by_writing_goes_on(
    nameless: "Neovim", shared_script: "Script"
) -> None:
    nameless.command("silent write! written.py")
    goes_on(nameless, shared_script, "written.py")
    nameless.command("silent saveas! again.py")
    goes_on(nameless, shared_script, "again.py")
    nameless.command("silent write")
    goes_on(nameless, shared_script, "again.py")


def test_a_buffer_that_gets_a_name_without_writing_goes_on(
    nameless: "Neovim", shared_script: "Script"
) -> None:
    nameless.command("silent file named.py")
    goes_on(nameless, shared_script, "named.py")
    nameless.nvim.current.buffer.name = str(nameless.project / "renamed.py")
    goes_on(nameless, shared_script, "renamed.py")


@pytest.mark.parametrize("own_or_builtin", ["builtin"], indirect=True)
def test_neovims_own_ghost_text_goes_on_too(own_or_builtin: "Neovim") -> None:
    editor = begin_nameless(own_or_builtin)
    editor.command("silent write! builtin.py")
    editor.type("A<BS>o")
    editor.wait_ghost("s.path")
    editor.type("<Tab>")
    editor.wait_line(1, "import os.path")


def test_keys_typed_ahead_of_a_new_name_reach_the_server(
    nameless: "Neovim", shared_script: "Script"
) -> None:
    nameless.type(":silent file ahead.py<CR>ox = 1<CR>y = 2<Esc>")
    nameless.wait_line(3, "y = 2")
    goes_on(nameless, shared_script, "ahead.py")


def test_a_name_of_a_file_that_is_never_read_ends_it(
    nameless: "Neovim", shared_script: "Script"
) -> None:
    nameless.command("silent file secrets.py")
    nameless.wait_status("off: ")
    asked = len(shared_script.asked)
    nameless.type("Goimport o")
    nameless.wait_line(2, "import o")
    nameless.wait_status("off: ")
    assert (nameless.ghosts, len(shared_script.asked)) == ([], asked)


def test_a_second_buffer_without_a_name_is_no_part_of_the_first(
    nameless: "Neovim", shared_script: "Script"
) -> None:
    first = nameless.nvim.current.buffer.number
    nameless.command("set hidden | enew")
    nameless.command("setfiletype python")
    assert nameless.wait_status("off: another buffer has no name either")
    nameless.type("iimport o")
    nameless.wait_line(1, "import o")
    nameless.type("<Esc>")
    nameless.command(f"buffer {first}")
    goes_on(nameless, shared_script, "")
    nameless.command("silent file first.py")
    goes_on(nameless, shared_script, "first.py")
    nameless.command("buffer #")
    nameless.wait_status("ready")
    goes_on(nameless, shared_script, "")


def test_a_buffer_whose_language_is_off_is_let_go(
    editor: "Neovim", shared_script: "Script"
) -> None:
    attached = "return #vim.lsp.get_clients({ name = 'lory', bufnr = 0 })"
    assert editor.lua(attached) == 1
    editor.command("setfiletype text")
    editor.command("set filetype=text")
    assert (editor.lua(attached), editor.status) == (0, "off: language 'text' is off")
    editor.command("set filetype=python")
    editor.wait_status("ready")
    goes_on(editor, shared_script, "app.py")


def test_text_typed_while_lory_is_off_is_there_once_it_is_on(
    editor: "Neovim", shared_script: "Script"
) -> None:
    editor.command("Lory disable")
    editor.type("ia = 1<CR>b = 2<Esc>")
    editor.wait_line(2, "b = 2")
    editor.command("Lory enable")
    editor.wait_status("ready")
    goes_on(editor, shared_script, "app.py")
    goes_on(editor, shared_script, "app.py")


def test_text_typed_while_no_server_runs_is_there_once_one_does(
    editor: "Neovim", shared_script: "Script"
) -> None:
    before = editor.server_pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    editor.until(lambda: "starting it again" in editor.messages, "noticed")
    editor.type("ia = 1<CR>b = 2<Esc>")
    editor.wait_line(2, "b = 2")
    editor.until(lambda: editor.server_pid() not in (None, before), "started again")
    editor.wait_status("ready")
    goes_on(editor, shared_script, "app.py")
    goes_on(editor, shared_script, "app.py")
