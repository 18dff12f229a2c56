"""VS Code beside a real llama.cpp server: ghost text, its end and return, what is excluded."""

from tests.editors.vscode.conftest import OpenWindow, Window
from tests.llama_server import FOLLOWS, StartLlama, gguf_model, start_llama

__all__ = ["gguf_model", "start_llama"]


def status_when_asked(window: Window) -> str:
    """The status after another request: what is typed is new each time, so nothing remembers it."""
    window.type(" a")
    window.page.wait_for_timeout(300)
    return window.status()


def take_ghost(window: Window) -> None:
    """Type what the weights know how to go on from, and take it."""
    window.press("Escape")
    window.type("\nparser = argparse.")
    window.until("ghost text", lambda: window.ghost().startswith(FOLLOWS))
    window.press("Tab")
    window.type("()\n#")


def test_ghost_text_comes_from_it_while_it_runs(
    open_window: OpenWindow, start_llama: StartLlama
) -> None:
    service = start_llama()
    window = open_window("import argparse\n", **service.settings)
    window.until("remote", lambda: window.status() == "Lory: remote")
    window.go(2)
    take_ghost(window)
    assert b"argparse" in b"".join(service.recorder.sent)

    service.kill()
    window.until("gone", lambda: status_when_asked(window) == "Lory: remote is gone")
    take_ghost(window)  # the local model's

    service.start()
    window.until("back", lambda: status_when_asked(window) == "Lory: remote")
    take_ghost(window)

    window.set(exclude=["**/a.py"])
    window.until("off here", lambda: window.status() == "Lory: off here")
    window.press("Escape")
    window.type("\nxyzzy = argparse.")
    window.page.wait_for_timeout(1500)
    assert window.ghost() == ""
    assert b"xyzzy" not in b"".join(service.recorder.sent)
