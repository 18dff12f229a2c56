"""Turning Lory off and on, and changing settings, in a running editor."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim
    from tests.scripted import Script


def test_off_means_that_nothing_reaches_the_engine(
    editor: "Neovim", shared_script: "Script"
) -> None:
    editor.command("Lory disable")
    editor.wait_status("off: lory is turned off")
    attached = "return #vim.lsp.get_clients({ name = 'lory', bufnr = 0 })"
    assert editor.lua(attached) == 0
    editor.type("iimport o")
    editor.wait_line(1, "import o")
    editor.type("<Esc>")
    editor.command("Lory enable")
    editor.wait_status("ready")
    assert shared_script.asked == []
    editor.type("A<BS>o")
    editor.wait_ghost("s.path")


def test_toggle_turns_off_and_on_again(editor: "Neovim") -> None:
    editor.command("Lory toggle")
    editor.wait_status("off: lory is turned off")
    assert "off: lory is turned off" in editor.messages
    editor.command("Lory toggle")
    editor.wait_status("ready")


def test_one_language_is_turned_off_alone(editor: "Neovim", shared_script: "Script") -> None:
    editor.command("Lory toggle python")
    editor.wait_status("off: language 'python' is off")
    editor.open_afresh("other.py", "")
    assert editor.status == "off: language 'python' is off"
    editor.type("iimport o<Esc>")
    editor.wait_line(1, "import o")
    editor.command("Lory toggle python")
    editor.wait_status("ready")
    assert shared_script.asked == []
    editor.type("A<BS>o")
    editor.wait_ghost("s.path")


def test_text_of_other_languages_is_never_sent(editor: "Neovim") -> None:
    editor.open_afresh("notes.txt", "secret\n")
    assert editor.status == "off: language 'text' is off"
    assert editor.lua("return #vim.lsp.get_clients({ bufnr = 0 })") == 0


def test_settings_change_without_a_restart(editor: "Neovim", shared_script: "Script") -> None:
    server = editor.server_pid()
    editor.type("iunlikely ")
    editor.until(lambda: shared_script.asked, "asked")
    assert editor.ghosts == []
    editor.lua("require('lory').change_settings({ min_probability = 0.05 })")
    editor.type("<BS> ")
    editor.wait_ghost("completion")
    editor.lua("require('lory').change_settings({ min_probability = 0.65 })")
    editor.type("<BS> ")
    editor.wait_no_ghost()
    assert editor.server_pid() == server


def test_a_faulty_setting_is_told_to_the_user(editor: "Neovim") -> None:
    editor.lua("require('lory').change_settings({ max_lines = 1000 })")
    editor.until(lambda: "max_lines" in editor.messages, "a message about max_lines")
    editor.lua("require('lory').change_settings({ max_lines = 12 })")


def test_a_file_that_is_never_read_says_so(editor: "Neovim") -> None:
    editor.open_afresh("secrets.py", "password = 1\n")
    status = editor.wait_status("off: ")
    assert "secrets" in status
