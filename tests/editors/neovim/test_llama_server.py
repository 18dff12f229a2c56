"""Neovim beside a real llama.cpp server: ghost text, its end and return, what is excluded."""

from time import sleep
from typing import TYPE_CHECKING

from tests.llama_server import FOLLOWS, StartLlama, gguf_model, start_llama

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, StartNeovim

__all__ = ["gguf_model", "start_llama"]


def ask_until(editor: "Neovim", status: str) -> None:
    """Type, what is new each time, until a request has told the status."""

    def told() -> bool:
        editor.type(" a")
        sleep(0.3)
        return editor.status == status

    editor.until(told, status)


def take_ghost(editor: "Neovim") -> None:
    """Type what the weights know how to go on from, and take it."""
    editor.type("<Esc>oparser = argparse.")
    assert editor.wait_ghost().startswith(FOLLOWS)
    editor.type("<Tab>()<CR>#")


def test_ghost_text_comes_from_it_while_it_runs(
    start_neovim: "StartNeovim", start_llama: StartLlama
) -> None:
    service = start_llama()
    settings = {**service.settings, "exclude": ["**/secrets.py"]}
    editor = start_neovim("import argparse\n", {"settings": settings})
    editor.wait_status("ready: remote")
    take_ghost(editor)
    assert b"argparse" in b"".join(service.recorder.sent)

    service.kill()
    ask_until(editor, "ready: remote is gone")
    take_ghost(editor)  # the local model's

    service.start()
    ask_until(editor, "ready: remote")
    take_ghost(editor)

    editor.open_afresh("secrets.py", "password = 'xyzzy'\n")
    editor.type("opass")
    editor.until(lambda: "exclude" in editor.status, "told that it is excluded")
    assert b"xyzzy" not in b"".join(service.recorder.sent)
    assert not editor.ghosts
