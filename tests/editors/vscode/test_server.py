"""The server as VS Code keeps it: killed, restarted, failing, explained; what the commands show."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.vscode.conftest import OpenWindow, Script, Window
from tests.scripted import Rules

WriteScript = Callable[[Rules], Script]
RULES: Rules = [
    {"after": "x = ", "completion": "first(a)\n", "logprob": -0.1},
    {"after": "y = ", "completion": "doubtful\n", "logprob": -1.0},
]


def servers_of(window: Window) -> list[int]:
    """Processes of the language server that this window's code-server has started."""
    home = str(window.user.parent)
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            own = f"HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if own and b"lsp_server" in words and b"lsp" in words:
            found.append(int(folder.name))
    return found


def write_program(path: Path, says: str) -> None:
    """A program that starts the server, and says something on standard error before."""
    said = path.with_suffix(".txt")
    said.write_text(says, encoding="utf-8")
    words = [f"cat '{said}' >&2", f"exec '{sys.executable}' -m lsp_server \"$@\""]
    path.write_text("\n".join(["#!/bin/sh", *words, ""]), encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_server_is_started_again(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    window = open_window("x\n", **write_script(RULES).options)
    window.ready()
    (before,) = servers_of(window)

    os.kill(before, signal.SIGKILL)

    window.until("another server", lambda: servers_of(window) not in ([], [before]))
    window.ready()
    window.go(1)
    window.type(" = ")
    window.expect("first(a)")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_server_that_cannot_be_started_again_is_an_error(
    open_window: OpenWindow, write_script: WriteScript, tmp_path: Path
) -> None:
    line = "<" + "é" * 100_000 + ">"  # no pipe gives it in one piece
    program = tmp_path / "server"
    write_program(program, line + "\n")
    window = open_window("x\n", **write_script(RULES).options, **{"lory.command": [str(program)]})
    window.ready()
    window.until("the whole line", lambda: f" {line}\n" in window.log_text())
    (before,) = servers_of(window)

    program.unlink()
    os.kill(before, signal.SIGKILL)

    window.until("error", lambda: window.status() == "Lory: error")
    window.until("why", lambda: "the server does not start: " in window.log_text())


def test_the_status_bar_says_what_goes_on_and_why_says_what_went_wrong(
    open_window: OpenWindow, write_script: WriteScript, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    window = open_window("y\n", **write_script([{**RULES[1], "until": str(gate)}]).options)
    window.ready()
    window.go(1)
    window.type(" = ")
    window.until("completing", lambda: window.status() == "Lory: completing")
    gate.touch()
    window.ready()

    window.command("Lory: Why Was Nothing Shown Here?")
    said = "'doubtful' is 61% likely"
    note = window.until("a note", lambda: next((n for n in window.notes() if said in n), ""))

    assert "min_probability" in note
    window.press_button("is 61% likely", "Details")
    window.until("stations", lambda: "station by station" in window.text())


def test_an_engine_that_fails_is_an_error_whose_click_shows_the_log(
    open_window: OpenWindow,
) -> None:
    window = open_window("x\n", bundle="/nowhere")
    window.until("error", lambda: window.status() == "Lory: error")

    def shows_log() -> bool:
        """Click, again where the item was just drawn anew, and look."""
        window.page.locator(".statusbar-item", has_text="Lory").first.click()
        window.page.wait_for_timeout(2000)
        return "Starting" in window.text()

    window.until("the log", shows_log)


def test_without_a_server_the_status_bar_and_why_offer_to_make_an_environment(
    open_window: OpenWindow,
) -> None:
    window = open_window("x\n", **{"lory.command": []})

    window.until("no server", lambda: window.status() == "Lory: no server")
    window.until("the offer", lambda: any("virtual environment" in note for note in window.notes()))
    window.command("Lory: Why Was Nothing Shown Here?")
    window.until("why", lambda: any("no server was found" in note for note in window.notes()))
    assert window.button("no server was found", "Make environment").count() == 1


def test_off_without_a_server_is_off_and_why_offers_to_turn_on(open_window: OpenWindow) -> None:
    window = open_window("x\n", **{"lory.command": []}, enabled=False)
    window.until("off", lambda: window.status() == "Lory: off")

    window.command("Lory: Why Was Nothing Shown Here?")
    window.press_button("Lory is turned off", "Turn on")

    window.until("no server", lambda: window.status() == "Lory: no server")


def test_statistics_are_what_lory_stats_prints(open_window: OpenWindow) -> None:
    window = open_window("x\n")
    window.ready()
    window.command("Lory: Show Statistics")

    window.until("what it prints", lambda: "Nothing is kept in" in window.text())
