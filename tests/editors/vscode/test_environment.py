"""The environment that one click makes, of the wheel that the extension carries; its renewal."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from tests.editors.hostile import write_hostile_modules
from tests.editors.vscode.conftest import OpenWindow

HOUR = 3600.0


def write_finished(folder: Path, hours_ago: float) -> None:
    """An environment of another wheel, as it is once it was made to its end."""
    program = folder / "bin" / "lory"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m lsp_server \"$@\"\n")
    program.chmod(0o755)
    marker = folder / "lory.json"
    marker.write_text(json.dumps({"wheel": "0" * 64}))
    make_older(marker, hours_ago)


def make_older(path: Path, hours: float) -> None:
    """Have a file or folder changed last so long ago."""
    moment = time.time() - hours * HOUR
    os.utime(path, (moment, moment))


@pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
def test_a_start_removes_what_was_replaced_and_a_cancelled_renewal_nothing(
    open_window: OpenWindow, tmp_path: Path
) -> None:
    storage = tmp_path / "home" / "data" / "User" / "globalStorage" / "lory.lory"
    root = storage / "environments"
    write_finished(root / "replaced", hours_ago=72)
    write_finished(root / "used", hours_ago=48)
    for name, hours in (("given up", 2), ("being made", 0)):
        (root / name).mkdir()
        make_older(root / name, hours)

    def folders() -> set[str]:
        return {folder.name for folder in root.iterdir()}

    window = open_window("x\n", **{"lory.command": []})
    window.ready()
    window.until("only what is needed", lambda: folders() == {"used", "being made"})

    window.press_button("of another version", "Renew environment")
    window.until("its own folder", lambda: len(folders()) == 3)
    window.press_button("making its environment", "Cancel")

    window.until("what was there", lambda: folders() == {"used", "being made"})
    assert (root / "used" / "lory.json").exists()
    assert window.status() == "Lory"


def test_no_module_of_the_project_runs_with_the_server_or_its_environment(
    open_window: OpenWindow,
) -> None:
    careless = {"PYTHONPATH": ":/nowhere"}  # an empty entry is the working folder
    window = open_window("", environment=careless)
    window.ready()
    sign = write_hostile_modules(window.folder)

    window.command("Lory: Restart")
    window.until("another start", lambda: window.log_text().count("Starting ") == 2)
    window.ready()
    window.command("Lory: Make or Renew the Server's Environment")
    window.until("pip at work", lambda: "Processing " in window.log_text())
    window.press_button("making its environment", "Cancel")
    window.until("nothing left", lambda: "was cancelled" in window.log_text())

    assert not sign.exists()


@pytest.mark.slow
def test_one_click_goes_from_no_server_to_ghost_text(open_window: OpenWindow) -> None:
    window = open_window("", **{"lory.command": []})
    window.until("no server", lambda: window.status() == "Lory: no server")

    window.page.locator(".statusbar-item", has_text="Lory").first.click()

    window.until("the environment", lambda: window.status() in ("Lory: loading 0 %", "Lory"))
    window.ready()
    window.go(1)
    window.type("if __name__ == ")
    window.expect('"__main__":')
    made = list(Path(window.user.parent).rglob("lory.json"))
    assert len(made) == 1
    assert str(sys.prefix) not in str(made[0])
