"""Feedback from real VS Code: a row for each thing that a user may do with a suggestion."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from tests.editors.vscode.conftest import OpenWindow, Script, Window
from tests.scripted import Rules

WriteScript = Callable[[Rules], Script]


def rows_of(window: Window) -> list[dict[str, Any]]:
    """What the database has, the earliest first."""
    path = window.folder.parent / "feedback.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        try:
            found = connection.execute("SELECT * FROM suggestions WHERE shown ORDER BY time")
            return [dict(row) for row in found]
        except sqlite3.OperationalError:  # the table is just being made
            return []


def outcomes(window: Window) -> list[tuple[str, int, int]]:
    """Outcome, accepted and typed characters."""
    keys = ("outcome", "accepted_characters", "typed_characters")
    return [(row[keys[0]], row[keys[1]], row[keys[2]]) for row in rows_of(window)]


def test_each_outcome_makes_its_row(open_window: OpenWindow, write_script: WriteScript) -> None:
    script = write_script([{"after": "x = ", "completion": "first(a)\n", "logprob": -0.1}])
    window = open_window("x\n" * 5, **script.options, feedback=True)
    window.ready()

    def offer(line: int) -> None:
        window.go(line)
        window.type(" = ")
        window.expect("first(a)")

    offer(1)
    window.press("Tab")
    window.until("accepted whole", lambda: outcomes(window)[-1:] == [("whole", 8, 0)])
    offer(2)
    window.press("Control+ArrowRight")
    window.until("accepted by word", lambda: outcomes(window)[-1:] == [("word", 5, 0)])
    offer(3)
    window.press("Control+Alt+ArrowRight")
    window.until("accepted by line", lambda: outcomes(window)[-1:] == [("whole", 8, 0)])
    offer(4)
    window.type("first(a)")
    window.until("typed through", lambda: outcomes(window)[-1:] == [("typed", 0, 8)])
    offer(5)
    window.type("zebra")
    window.until("ignored", lambda: outcomes(window)[-1:] == [("ignored", 0, 0)])

    assert all(row["prefix"] is None for row in rows_of(window))
    window.expect_file("x = first(a)\nx = first\nx = first(a)\nx = first(a)\nx = zebra\n")


def test_no_row_is_kept_unless_the_user_wants_it(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    script = write_script([{"after": "x = ", "completion": "first(a)\n"}])
    window = open_window("x\n", **script.options)
    (window.folder / ".vscode").mkdir()
    (window.folder / ".vscode" / "settings.json").write_text('{"lory.feedback": true}')
    window.page.reload()
    window.page.wait_for_selector(".monaco-editor .view-line")
    window.ready()
    window.go(1)
    window.type(" = ")
    window.expect("first(a)")
    window.press("Tab")
    window.expect_file("x = first(a)\n")

    assert not (window.folder.parent / "feedback.sqlite").exists()
