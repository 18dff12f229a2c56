"""Feedback from real Neovims: a row for each thing that a user may do with a suggestion."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, StartNeovim
    from tests.scripted import Script


def outcomes(editor: "Neovim") -> list[tuple[str, int, int]]:
    """Outcome, accepted and typed characters of what was on show, the earliest first."""
    path: Path = editor.home / "data" / "lory" / "feedback.sqlite"
    if not path.exists():
        return []
    query = "SELECT outcome, accepted_characters, typed_characters FROM suggestions WHERE shown"
    with closing(sqlite3.connect(path)) as connection:
        try:
            return list(connection.execute(f"{query} ORDER BY time"))
        except sqlite3.OperationalError:  # the table is just being made
            return []


@pytest.fixture
def recorded(start_neovim: "StartNeovim", script: "Script") -> "Neovim":
    """An editor whose user has turned feedback on."""
    editor: Neovim = start_neovim(options={"settings": {**script.options, "feedback": True}})
    editor.wait_status("ready")
    return editor


def last(editor: "Neovim", *wanted: Any) -> None:
    editor.until(lambda: outcomes(editor)[-1:] == [wanted], f"{wanted}")


def test_each_outcome_makes_its_row(recorded: "Neovim") -> None:
    recorded.type("iimport o")
    recorded.wait_ghost("s.path")
    recorded.type("<Tab>")
    last(recorded, "whole", 6, 0)

    recorded.type("<CR># é😋 ")
    recorded.wait_ghost("grüße 世界 und mehr")
    recorded.type("<M-Right>")
    last(recorded, "word", 5, 0)

    recorded.type("<CR>def add(a, b):")
    recorded.wait_ghost("\n    total = a + b\n    return total")
    recorded.type("<M-Down>")
    last(recorded, "line", 18, 0)

    recorded.type("<CR><C-u>import o")
    recorded.wait_ghost("s.path")
    for key in "s.path":
        recorded.type(key)
    last(recorded, "typed", 0, 6)

    recorded.type("<CR>import o")
    recorded.wait_ghost("s.path")
    recorded.type("Z")
    last(recorded, "ignored", 0, 0)
