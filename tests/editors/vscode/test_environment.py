"""The environment that one click makes: a real one, of the wheel that the extension carries."""

import sys
from pathlib import Path

import pytest

from tests.editors.vscode.conftest import OpenWindow


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
