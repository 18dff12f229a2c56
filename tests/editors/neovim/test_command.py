"""`:Lory`, its help and health in real Neovims."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pynvim
import pytest

from lsp_server.settings import Settings
from tests.editors.neovim.conftest import PLUGIN
from tests.editors.neovim.programs import find_program

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, Program, StartNeovim
    from tests.scripted import Script


def complete(editor: "Neovim", line: str) -> list[str]:
    """What the command line offers."""
    return list(editor.nvim.funcs.getcompletion(line, "cmdline"))


def test_subcommands_are_completed(editor: "Neovim") -> None:
    everything = complete(editor, "Lory ")
    assert everything == sorted(everything)
    assert {"install", "toggle", "restart", "status", "log", "why", "stats", "help"} <= set(
        everything
    )
    assert complete(editor, "Lory re") == ["restart"]
    assert complete(editor, "Lory toggle py") == ["python"]
    assert complete(editor, "Lory why ") == []


def test_an_unknown_subcommand_names_the_known_ones(editor: "Neovim") -> None:
    with pytest.raises(pynvim.NvimError, match="'frobnicate'; known are: cancel, disable"):
        editor.command("Lory frobnicate")


def test_every_subcommand_and_option_is_in_the_help(editor: "Neovim") -> None:
    text = (PLUGIN / "doc" / "lory.txt").read_text()
    known = editor.lua("return vim.tbl_keys(require('lory.commands').subcommands)")
    assert [name for name in known if f":Lory {name}" not in text] == []
    functions = editor.lua("return vim.tbl_keys(require('lory'))")
    assert [name for name in functions if f"*lory.{name}()*" not in text] == []
    actions = editor.lua("return vim.tbl_keys(require('lory.options').recommended)")
    assert [a for a in actions if f"<Plug>(lory-{a.replace('_', '-')})" not in text] == []


def test_help_tags_are_valid_and_found(
    program: "Program", tmp_path: Path, editor: "Neovim"
) -> None:
    shutil.copytree(PLUGIN / "doc", tmp_path / "doc", ignore=shutil.ignore_patterns("tags"))
    editor.lua("vim.cmd.helptags(...)", str(tmp_path / "doc"))
    tags = (tmp_path / "doc" / "tags").read_text()
    assert "\nlory.txt\t" in tags
    assert ":Lory\t" in tags
    lines = (PLUGIN / "doc" / "lory.txt").read_text().splitlines()
    assert [line for line in lines if len(line) > 78] == []


def test_every_file_of_the_plugin_loads(editor: "Neovim") -> None:
    files = sorted(str(path) for path in PLUGIN.rglob("*.lua"))
    assert len(files) > 10
    broken = "return vim.tbl_filter(function(file) return not loadfile(file) end, ...)"
    assert editor.lua(broken, files) == []


def test_the_plugins_default_languages_are_the_servers(editor: "Neovim") -> None:
    assert editor.lua("return require('lory.settings').default_languages") == Settings().languages


def test_unknown_and_faulty_options_are_refused(editor: "Neovim") -> None:
    attempt = "return { pcall(require('lory').setup, vim.json.decode(...)) }"
    for given, said in (
        ({"menus": "yield"}, "unknown option 'menus'; known are: cmd, ghost_text"),
        ({"menu": "maybe"}, "option 'menu' cannot be \"maybe\""),
        ({"keymaps": {"take": "<Tab>"}}, "option 'keymaps' cannot be"),
    ):
        done, message = editor.lua(attempt, json.dumps(given))
        assert (done, said in message) == (False, True), message


def test_health_names_versions_server_buffers_and_keys(
    editor: "Neovim", program: "Program"
) -> None:
    editor.command("checkhealth lory")
    report = "\n".join(editor.lines)
    assert f"OK Neovim {program.version}" in report
    assert "lory 0." in report
    assert "ready, scripted 1" in report
    assert "log: " in report
    assert "app.py: ready" in report
    assert "<Tab>: accept" in report
    assert "ERROR" not in report
    assert "WARNING" not in report


def test_health_tells_who_holds_tab(editor: "Neovim") -> None:
    editor.lua("vim.keymap.set('i', '<Tab>', 'x', { buffer = 0, desc = 'someone else' })")
    editor.command("checkhealth lory")
    assert "<Tab> (accept) is taken by 'someone else'" in "\n".join(editor.lines)


def test_health_says_what_to_do_without_a_server(start_neovim: "StartNeovim") -> None:
    missing = "require('lory.options').get().cmd = { '/nowhere/lory' }"
    editor = start_neovim(more=missing)
    editor.command("checkhealth lory")
    report = "\n".join(editor.lines)
    assert "ERROR '/nowhere/lory' (from option cmd) does not run" in report
    assert ":Lory install" in report


def float_text(editor: "Neovim") -> str:
    """What the floating window says; empty without one."""
    code = """
    local window = vim.b.lsp_floating_preview
    if not (window and vim.api.nvim_win_is_valid(window)) then return '' end
    local buffer = vim.api.nvim_win_get_buf(window)
    return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\\n')
    """
    return str(editor.lua(code))


def test_settings_shows_what_is_sent(editor: "Neovim") -> None:
    editor.command("Lory settings")
    assert 'engine = "scripted"' in float_text(editor)


def test_why_tells_what_stopped_the_last_request(editor: "Neovim", shared_script: "Script") -> None:
    editor.type("iunlikely ")
    editor.until(lambda: shared_script.asked and editor.status == "ready", "answered")
    editor.type("<Esc>")
    editor.command("Lory why")
    text = editor.until(lambda: float_text(editor), "an explanation")
    assert "min_probability" in text
    assert "✓ engine" in text
    assert "✗ filter likely" in text


def wait_asked(editor: "Neovim", script: "Script", text: str) -> None:
    """Return once the engine was asked what follows a document of this text."""
    editor.until(lambda: [a for a in script.asked if a["prefix"] == text], f"asked after {text!r}")


def ask_why(editor: "Neovim") -> str:
    """What `:Lory why` says at the cursor."""
    code = "pcall(vim.api.nvim_win_close, vim.b.lsp_floating_preview or -1, true)"
    editor.lua(code)
    editor.command("Lory why")
    return str(editor.until(lambda: float_text(editor), "an explanation"))


@pytest.mark.parametrize("text", ["", "unlikely ", "# 😋", "# x\u0301"])
def test_why_tells_of_the_last_request_where_escape_has_left_the_cursor(
    editor: "Neovim", shared_script: "Script", text: str
) -> None:
    editor.type(f"i{text}")
    wait_asked(editor, shared_script, text)
    editor.type("<Esc>")
    assert "Asked " in ask_why(editor)


def test_why_does_not_tell_of_a_request_elsewhere(
    editor: "Neovim", shared_script: "Script"
) -> None:
    editor.type("iunlikely ")
    wait_asked(editor, shared_script, "unlikely ")
    elsewhere = "No request was made here yet; the last one was at line 1, column 10."
    editor.type("<Left>")  # asks for nothing
    editor.until(lambda: editor.nvim.funcs.col(".") == 9, "one character to the left")
    assert ask_why(editor) == elsewhere
    editor.type("<Esc>0")
    editor.until(lambda: editor.nvim.funcs.col(".") == 1, "at the line's beginning")
    assert ask_why(editor) == elsewhere


def test_why_tells_what_is_off(editor: "Neovim") -> None:
    editor.open_afresh("notes.txt", "")
    editor.command("Lory why")
    assert float_text(editor) == "Nothing is asked for here: language 'text' is off."


def test_stats_and_feedback_open_a_window(editor: "Neovim", shared_script: "Script") -> None:
    editor.command("Lory stats")
    editor.until(lambda: editor.lua("return vim.bo.filetype") == "lory-stats", "a window")
    assert editor.lines != [""]


def test_log_opens_the_servers_log(editor: "Neovim") -> None:
    editor.command("Lory log")
    assert editor.lua("return vim.api.nvim_buf_get_name(0)").endswith("lsp.log")
    editor.command("tabclose")


def test_older_neovims_get_one_clear_error() -> None:
    old = find_program("0.7")
    loaded = subprocess.run(
        [str(old.path), "--clean", "--headless"]
        + ["-c", f"source {PLUGIN / 'plugin' / 'lory.lua'}", "-c", "quit"],
        env={"VIMRUNTIME": str(old.runtime), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "expected Neovim 0.11 or newer, found 0.7." in loaded.stderr
