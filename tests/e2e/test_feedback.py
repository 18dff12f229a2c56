"""What became of suggestions, from a real server: rows in a real database."""

import json
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lsp_server.contract.feedback_store import PATH_VARIABLE, SCHEMA
from lsp_server.feedback.database import open_for_reading
from tests.e2e.conftest import PATIENCE, Editor, StartEditor

RULES = [
    {"after": "x = ", "completion": "first(a)\n", "logprob": -0.1},
    {"after": "y = ", "completion": "third", "logprob": -0.1},
]
TEXT = "x = \ny = \n"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "feedback.sqlite"


def following(seconds: float) -> tuple[str, ...]:
    """The command of a server that follows accepted text for so long."""
    program = (
        "from lsp_server.protocol.serve import serve_standard_streams\n"
        "from lsp_server.protocol.wire.ending import leave\n"
        f"leave(serve_standard_streams({seconds}))"
    )
    return sys.executable, "-c", program


@pytest.fixture
def open_document(
    start_editor: StartEditor, write_script: Callable[..., Any], database: Path
) -> Callable[..., Editor]:
    """Gives an editor with a document open and the model loaded."""

    def start(seconds: float = 30.0, **settings: Any) -> Editor:
        environment = {**os.environ, PATH_VARIABLE: str(database)}
        editor = start_editor(following(seconds), environment=environment)
        options = {**write_script(RULES).options, "feedback": True, "project": False, **settings}
        editor.initialize(options)
        editor.open(TEXT)
        editor.wait_status("ready")
        return editor

    return start


def rows_of(database: Path) -> list[dict[str, Any]]:
    """All rows, the earliest first; none where there is no database yet."""
    if not database.exists():
        return []
    with closing(open_for_reading(database)) as connection:
        return [dict(row) for row in connection.execute("SELECT * FROM suggestions ORDER BY time")]


def wait_for(
    database: Path, wanted: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    """The rows, once they are as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            rows = rows_of(database)
        except Exception:  # the file is just being made
            rows = []
        if rows and wanted(rows):
            return rows
        assert time.monotonic() < deadline, rows
        time.sleep(0.02)


def has(outcome: str) -> Callable[[list[dict[str, Any]]], bool]:
    return lambda rows: rows[-1]["outcome"] == outcome


@pytest.mark.parametrize(
    ("typed", "outcome", "accepted", "along"),
    [
        (["first(a)"], "whole", 8, 0),
        (["first"], "word", 5, 0),
        (["f", "i", "r", "st(a)"], "whole", 5, 3),
        (list("first(a)"), "typed", 0, 8),
        (["zebra"], "ignored", 0, 0),
    ],
)
def test_what_the_user_did_is_read_off_the_document(
    open_document: Callable[..., Editor],
    database: Path,
    typed: list[str],
    outcome: str,
    accepted: int,
    along: int,
) -> None:
    editor = open_document()
    assert editor.ask(0, 4) == ["first(a)"]
    column = 4
    for piece in typed:
        editor.type(piece, 0, column)
        column += len(piece)

    (row,) = wait_for(database, has(outcome))

    assert (row["text"], row["accepted_characters"], row["typed_characters"]) == (
        "first(a)",
        accepted,
        along,
    )
    assert (row["language"], row["trigger"], row["rank"], row["shown"]) == ("python", "typed", 0, 1)
    assert row["probability"] == pytest.approx(0.905, abs=0.02)
    assert len(json.loads(row["tokens"])) == len(json.loads(row["logprobs"]))
    assert len(row["prompt_sha256"]) == len(row["model_sha256"]) == 64
    assert row["latency_ms"] > 0
    assert row["prefix"] is None


def test_what_is_left_of_accepted_text_is_compared_later(
    open_document: Callable[..., Editor], database: Path
) -> None:
    editor = open_document(seconds=1.0)
    editor.ask(0, 4)
    editor.type("first(a)", 0, 4)
    editor.type("XYZ", 0, 10)

    (row,) = wait_for(database, lambda rows: rows[-1]["settled"] == "on time")

    assert (row["outcome"], row["fate"], row["retained_characters"]) == ("whole", "edited", 8)


def test_undoing_an_acceptance_leaves_nothing(
    open_document: Callable[..., Editor], database: Path
) -> None:
    editor = open_document(seconds=1.0)
    editor.ask(0, 4)
    editor.type("first(a)", 0, 4)
    editor.delete(0, 4, 12)

    (row,) = wait_for(database, lambda rows: rows[-1]["settled"] is not None)

    assert (row["outcome"], row["fate"], row["retained_characters"]) == ("whole", "undone", 0)


def test_the_editors_word_settles_what_a_single_character_was(
    open_document: Callable[..., Editor], database: Path
) -> None:
    editor = open_document()
    for number, key in enumerate("first(a"):
        editor.ask(0, 4 + number)
        editor.type(key, 0, 4 + number)
    (item,) = editor.wait(editor.start(0, 11)).result["items"]
    editor.type(")", 0, 11)
    editor.client.request("workspace/executeCommand", item["command"], PATIENCE)

    rows = wait_for(database, has("whole"))

    assert [(row["typed_characters"], row["accepted_characters"]) for row in rows] == [(7, 1)]


def test_closing_the_document_settles_all_of_it(
    open_document: Callable[..., Editor], database: Path
) -> None:
    editor = open_document()
    editor.ask(0, 4)
    editor.type("first(a)", 0, 4)
    editor.ask(1, 4)
    document = {"textDocument": {"uri": editor.uri("a.py")}}
    editor.client.notify("textDocument/didClose", document)

    rows = wait_for(database, lambda rows: len(rows) == 2)

    ends = {row["text"]: (row["outcome"], row["ending"], row["settled"]) for row in rows}
    assert ends == {
        "first(a)": ("whole", "complete", "closed"),
        "third": ("ignored", "closed", None),
    }


def test_text_around_the_cursor_is_kept_only_where_that_is_wanted_too(
    open_document: Callable[..., Editor], database: Path
) -> None:
    editor = open_document(feedback_text=True)
    editor.ask(0, 4)
    editor.type("first(a)", 0, 4)

    (row,) = wait_for(database, has("whole"))

    assert (row["path"], row["prefix"], row["suffix"]) == ("a.py", "x = ", "\ny = \n")


def test_nothing_is_kept_nor_any_file_made_while_feedback_is_off(
    open_document: Callable[..., Editor], database: Path
) -> None:
    editor = open_document(feedback=False)
    (item,) = editor.wait(editor.start(0, 4)).result["items"]
    editor.type("first(a)", 0, 4)
    editor.client.close()

    assert "command" not in item
    assert not database.parent.exists()


def test_the_file_is_the_owners_alone(open_document: Callable[..., Editor], database: Path) -> None:
    editor = open_document()
    editor.ask(0, 4)
    editor.type("first(a)", 0, 4)
    wait_for(database, has("whole"))

    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_a_killed_server_loses_at_most_a_second(
    open_document: Callable[..., Editor], database: Path
) -> None:
    editor = open_document()
    editor.ask(0, 4)
    editor.type("first(a)", 0, 4)
    editor.ask(1, 4)
    editor.type("third", 1, 4)
    time.sleep(1.0)
    editor.client.process.kill()

    assert {row["outcome"] for row in rows_of(database)} == {"whole"}
    assert len(rows_of(database)) == 2


def test_two_editors_share_the_file(open_document: Callable[..., Editor], database: Path) -> None:
    editors = [open_document(), open_document()]
    for number in range(20):
        editor = editors[number % 2]
        editor.open(TEXT, f"{number}.py")
        editor.ask(0, 4, f"{number}.py")
        editor.type("first(a)", 0, 4, f"{number}.py")

    rows = wait_for(database, lambda rows: len(rows) == 20)

    assert len({row["session"] for row in rows}) == 2


@pytest.mark.parametrize("damage", ["no database", "newer", "folder"])
def test_a_database_of_no_use_costs_no_completion_and_is_told_once(
    open_document: Callable[..., Editor], database: Path, damage: str
) -> None:
    database.parent.mkdir()
    if damage == "no database":
        database.write_bytes(b"not a database at all" * 100)
    elif damage == "newer":
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    else:
        database.mkdir()
    before = database.read_bytes() if database.is_file() else b""
    editor = open_document()

    for number in range(3):
        name = f"{number}.py"
        editor.open(TEXT, name)
        assert editor.ask(0, 4, name) == ["first(a)"]
        editor.type("first(a)", 0, 4, name)
        time.sleep(0.3)

    assert editor.ask(1, 4) == ["third"]
    deadline = time.monotonic() + PATIENCE
    while not editor.messages and time.monotonic() < deadline:
        time.sleep(0.02)
    (message,) = editor.messages
    assert "FeedbackError" in message
    assert str(database) in message
    assert not database.is_file() or database.read_bytes() == before


def test_feedback_is_turned_on_and_off_without_a_restart(
    open_document: Callable[..., Editor], database: Path
) -> None:
    editor = open_document(feedback=False)

    def switch(on: bool) -> None:
        settings = {"settings": {"lory": {"feedback": on}}}
        editor.client.notify("workspace/didChangeConfiguration", settings)

    switch(True)
    editor.ask(0, 4)
    editor.type("first(a)", 0, 4)
    (row,) = wait_for(database, has("whole"))
    switch(False)
    editor.ask(1, 4)
    editor.type("third", 1, 4)

    time.sleep(0.5)
    assert rows_of(database) == [row], "nothing is written once it is off"


@pytest.mark.parametrize(
    "change",
    [
        {"exclude": ["*.py"]},
        {"languages": {}},
        {"feedback_text": False},
        {"feedback": False},
        {"enabled": False},
    ],
)
def test_an_offer_on_show_is_written_by_the_rules_that_hold_when_it_is(
    open_document: Callable[..., Editor], database: Path, change: dict[str, Any]
) -> None:
    editor = open_document(feedback_text=True)
    editor.ask(0, 4)
    editor.client.notify("workspace/didChangeConfiguration", {"settings": {"lory": change}})
    editor.type("x", 0, 4)
    editor.client.notify("textDocument/didClose", {"textDocument": {"uri": editor.uri("a.py")}})

    if "feedback_text" in change:
        wait_for(database, bool)
    time.sleep(0.8)
    rows = rows_of(database)
    assert [row["prefix"] for row in rows] == ([None] if "feedback_text" in change else [])
