"""The server's life: found or not, killed, started again, and given up."""

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, StartNeovim
    from tests.scripted import Script


def kill_server(editor: "Neovim") -> None:
    """Kill the server's process, and wait until another one runs."""
    pid = editor.server_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    editor.until(lambda: editor.server_pid() not in (None, pid), "started again")


def test_a_killed_server_is_started_again_and_completes(
    start_neovim: "StartNeovim", script: "Script"
) -> None:
    editor = start_neovim("", {"settings": script.options})
    editor.wait_status("ready")
    editor.type("iimport o")
    editor.wait_ghost("s.path")
    kill_server(editor)
    assert "the server stopped; starting it again" in editor.messages
    editor.wait_status("ready")
    editor.type("<BS>o")
    editor.wait_ghost("s.path")
    editor.type("<Tab>")
    editor.wait_line(1, "import os.path")


def test_a_server_that_keeps_stopping_is_given_up(start_neovim: "StartNeovim") -> None:
    editor = start_neovim("", {"cmd": [sys.executable, "-c", "exit(3)"]})
    editor.wait_status("error")
    assert editor.messages.count("starting it again") == 4
    assert "stopped too often and stays off" in editor.messages
    editor.command("Lory status")
    assert "keeps stopping; see :Lory log" in editor.messages


def test_restart_starts_another_process(start_neovim: "StartNeovim", script: "Script") -> None:
    editor = start_neovim("", {"settings": script.options})
    editor.wait_status("ready")
    before = editor.server_pid()
    editor.command("Lory restart")
    editor.until(lambda: editor.server_pid() not in (None, before), "another server")
    editor.wait_status("ready")
    assert "stopped" not in editor.messages


def test_without_a_server_it_says_how_to_get_one(start_neovim: "StartNeovim") -> None:
    missing = "require('lory.options').get().cmd = nil; vim.env.PATH = ''"
    editor = start_neovim("x = 1\n", more=missing)
    assert editor.wait_status("off") == "off: no server, run :Lory install"
    assert "no server found; run :Lory install" in editor.messages


def test_loading_is_told_in_percent(start_neovim: "StartNeovim") -> None:
    record = (
        "_G.told = {}; vim.api.nvim_create_autocmd('User', { pattern = 'LoryStatus', callback ="
        " function() table.insert(_G.told, require('lory').status()) end })"
    )
    editor = start_neovim("x = 1\n", more=record)
    editor.wait_status("ready")
    told = editor.lua("return _G.told")
    percents = [int(text.split()[1]) for text in told if text.startswith("loading ")]
    assert percents == sorted(percents)
    assert len(set(percents)) >= 3


def test_two_servers_in_a_buffer_do_not_meet(start_neovim: "StartNeovim", script: "Script") -> None:
    jedi = f"{sys.executable.rsplit('/', 1)[0]}/jedi-language-server"
    other = (
        f"vim.lsp.config('jedi', {{ cmd = {{ '{jedi}' }}, filetypes = {{ 'python' }} }})\n"
        "vim.lsp.enable('jedi')"
    )
    editor = start_neovim("import os\n", {"settings": script.options}, more=other)
    editor.wait_status("ready")
    names = (
        "return vim.tbl_map(function(client) return client.initialized and client.name or '' end,"
        " vim.lsp.get_clients({ bufnr = 0 }))"
    )
    editor.until(lambda: sorted(editor.lua(names)) == ["jedi", "lory"], "both")
    editor.type("Goimport o")
    editor.wait_ghost("s.path")
    editor.type("<Tab><CR>os.pa<C-x><C-o>")
    editor.until(lambda: editor.nvim.funcs.pumvisible() == 1, "with jedi's menu")
    words = [item["word"] for item in editor.nvim.funcs.complete_info(["items"])["items"]]
    assert "path" in words
