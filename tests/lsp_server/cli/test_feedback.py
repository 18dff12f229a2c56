"""The commands over a real database: what they print, write, draw and delete."""

import csv
import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import sleep, time

import pytest
from typer.testing import CliRunner, Result

from lsp_server.cli.feedback import app, stats
from lsp_server.contract.feedback_store import PATH_VARIABLE, SCHEMA
from lsp_server.errors import FeedbackError
from lsp_server.feedback.database import open_for_reading, open_for_writing, write_rows
from lsp_server.feedback.figures import figures_of
from lsp_server.feedback.rows import Acceptance, Row
from lsp_server.feedback.sqlite_sink import SqliteSink
from tests.feedback_rows import ACCEPTED

NOW = time()
DAY = 86_400.0
SHOWN = replace(ACCEPTED, time=NOW)
IGNORED = replace(
    SHOWN,
    id="1",
    time=NOW - DAY,
    outcome=Acceptance.IGNORED,
    accepted_characters=0,
    retained_characters=None,
    latency_ms=30.0,
)
UNSEEN = replace(SHOWN, id="2", shown=False, rank=1)

Run = Callable[..., Result]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "feedback.sqlite"
    monkeypatch.setenv(PATH_VARIABLE, str(path))
    return path


@pytest.fixture
def run(database: Path) -> Run:
    def invoke(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, list(words), input=answer, catch_exceptions=False)

    return invoke


def fill(database: Path, rows: Sequence[Row] = (SHOWN, IGNORED, UNSEEN)) -> None:
    with closing(open_for_writing(database)) as connection:
        write_rows(connection, rows)


def test_without_a_database_each_command_says_how_there_would_be_one(run: Run) -> None:
    for words in (["status"], ["show"], ["purge", "--yes"]):
        result = run(*words)
        assert result.exit_code == 0
        assert "setting feedback, off by default" in result.output


def test_the_status_says_what_is_kept_and_where(run: Run, database: Path) -> None:
    fill(database)
    plain = run("status").output
    assert f"{database}: 3 suggestions" in plain
    assert "The text around the cursor is not kept." in plain

    fill(database, [replace(SHOWN, prefix="x", suffix="", path="a.py")])
    assert "With 1 of them the text around the cursor is kept" in run("status").output


def test_the_latest_suggestions_are_shown_last(run: Run, database: Path) -> None:
    fill(database)

    lines = [line for line in run("show", "--count", "3").output.splitlines() if "first" in line]

    assert len(lines) == 3
    assert "ignored" in lines[0]
    assert "4/8" in lines[1]


def test_an_export_has_every_column_of_every_row(run: Run, database: Path, tmp_path: Path) -> None:
    fill(database)

    rows = [json.loads(line) for line in run("export").output.splitlines()]
    assert [row["id"] for row in rows] == ["1", "0", "2"]
    assert rows[0].keys() == set(Row.__dataclass_fields__)
    assert rows[0]["tokens"] == ["first", "(a)"]

    target = tmp_path / "out.csv"
    today = datetime.fromtimestamp(NOW).date().isoformat()
    run("export", "--format", "csv", "--out", str(target), "--since", today)
    with target.open(newline="") as file:
        assert {row["id"] for row in csv.DictReader(file)} <= {"0", "2"}


def test_purging_asks_and_deletes_what_is_older_or_all(run: Run, database: Path) -> None:
    fill(database)
    assert "Nothing was deleted" in run("purge", answer="n\n").output
    today = datetime.fromtimestamp(NOW).date().isoformat()

    assert "1 suggestions were deleted" in run("purge", "--before", today, "--yes").output
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM suggestions").fetchone() == (2,)
    run("purge", answer="y\n")
    assert list(database.parent.glob("feedback.sqlite*")) == []


def test_a_damaged_file_can_be_purged_and_is_one_clear_error_elsewhere(
    run: Run, database: Path
) -> None:
    fill(database, [replace(SHOWN, id=str(number)) for number in range(200)])
    data = bytearray(database.read_bytes())
    data[4096:] = b"?" * (len(data) - 4096)
    database.write_bytes(data)
    for command in ("status", "show", "export"):
        with pytest.raises(FeedbackError, match="malformed; delete it with: lory feedback purge"):
            run(command)

    run("purge", "--yes")

    assert not list(database.parent.glob("feedback.sqlite*"))


@pytest.mark.parametrize("kind", ["text", "folder", "pipe"])
@pytest.mark.parametrize("command", ["status", "show", "export", "purge"])
def test_what_is_no_database_is_left_alone_and_one_clear_error(
    run: Run, database: Path, kind: str, command: str
) -> None:
    if kind == "text":
        database.write_bytes(b"my diary" * 200)
    elif kind == "folder":
        database.mkdir()
    else:
        os.mkfifo(database)
    with pytest.raises(FeedbackError, match=r"^feedback: expected a [^\n]*$"):
        run(command, *(["--yes"] if command == "purge" else []))
    assert database.exists()


def test_anothers_database_is_left_alone(run: Run, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE suggestions (id, time)")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    before = database.read_bytes()
    for command in (["status"], ["show"], ["export"], ["purge", "--yes"]):
        with pytest.raises(FeedbackError, match="expected Lory's columns in"):
            run(*command)
    assert database.read_bytes() == before


def test_rows_that_lory_did_not_write_are_one_clear_error(run: Run, database: Path) -> None:
    for column, value in (("latency_ms", "'soon'"), ("tokens", "'['"), ("text", "x'ff'")):
        database.unlink(missing_ok=True)
        fill(database)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(f"UPDATE suggestions SET {column} = {value}")
        with pytest.raises(FeedbackError, match="expected a database at"):
            run("show")


SENTINEL = "qzxj_private_text"


def texts_beside(path: Path) -> bytes:
    """Everything that stands in a database and beside it."""
    return b"".join(each.read_bytes() for each in path.parent.glob(path.name + "*"))


@pytest.mark.parametrize("words", [["--before", "2026-11-25"], []])
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_purged_is_found_nowhere_though_an_editor_has_the_file_open(
    run: Run, database: Path, tmp_path: Path, words: list[str], linked: bool
) -> None:
    real = database
    if linked:
        (tmp_path / "real").mkdir()
        real = tmp_path / "real" / "kept.sqlite"
        database.symlink_to(real)
    old = replace(SHOWN, id="old", time=0.0, prefix=SENTINEL * 9, suffix="", path="a.py")
    with closing(open_for_writing(database)) as editor:
        write_rows(editor, [old, SHOWN])
        assert SENTINEL.encode() in texts_beside(real)
        run("purge", "--yes", *words)
        assert SENTINEL.encode() not in texts_beside(real)
        assert editor.execute("SELECT id FROM suggestions").fetchall() == [("0",)] * bool(words)
    assert real.exists() == bool(words)
    assert SENTINEL.encode() not in texts_beside(real)


def test_text_that_an_editor_is_reading_is_not_said_to_be_gone(
    run: Run, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lsp_server.feedback.database.PATIENCE", 0.1)
    fill(database)
    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM suggestions").fetchone()
        with pytest.raises(FeedbackError, match="close the editors that use it, and purge again"):
            run("purge", "--yes")


def test_a_sink_notices_that_its_file_is_gone(database: Path) -> None:
    sink = SqliteSink()
    for number in ("1", "2", "3"):
        sink([replace(SHOWN, id=number)])
        deadline = time() + 20
        while not (database.exists() and number in ids_in(database)):
            assert time() < deadline
            sleep(0.05)
        for path in database.parent.glob("feedback.sqlite*"):
            path.unlink()
    sink.close()


def test_rows_that_wait_are_not_written_once_they_may_not_be_kept(database: Path) -> None:
    sink = SqliteSink()
    sink([replace(SHOWN, id="1", prefix=SENTINEL)])
    sink.forget()
    sink([replace(SHOWN, id="2")])
    sink.close()
    assert ids_in(database) == ["2"]
    assert SENTINEL.encode() not in texts_beside(database)


def ids_in(database: Path) -> list[str]:
    """Of all rows; none while they are being made."""
    with suppress(FeedbackError), closing(open_for_reading(database)) as connection:
        return [row["id"] for row in connection.execute("SELECT id FROM suggestions ORDER BY id")]
    return []


def test_text_is_never_markup_nor_steers_the_terminal(
    run: Run, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "x[/b] [red]y :smile: \x9b31m\x1b[2J\u202e"
    row = replace(SHOWN, text=hostile, language=hostile, model=hostile)
    fill(database, [replace(row, id=str(number)) for number in range(3)])
    shown = run("show").output
    stats(days=30, as_json=False, png=None)
    shown += capsys.readouterr().out
    for part in ("x[/b]", "[red]y", ":smile:"):
        assert part in shown
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)


@pytest.mark.parametrize("version", [SCHEMA + 1, 0])
def test_a_database_of_another_schema_is_refused(run: Run, database: Path, version: int) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE other (x)")
        connection.execute(f"PRAGMA user_version = {version}")

    with pytest.raises(FeedbackError, match=f"expected schema {SCHEMA} .* found {version}"):
        run("show")


def test_what_is_no_date_is_refused(run: Run, database: Path) -> None:
    fill(database)
    with pytest.raises(FeedbackError, match="expected a date such as 2026-11-25, found 'soon'"):
        run("export", "--since", "soon")


def test_figures_count_what_was_on_show() -> None:
    rows = [vars_of(row) for row in (SHOWN, IGNORED, UNSEEN)]

    found = figures_of(rows)

    assert (found.shown, found.accepted, found.acceptance) == (2, 1, 0.5)
    assert (found.saved_characters, found.retained) == (8, 0.5)
    assert (found.latency_p50, found.latency_p95) == (20.0, 29.0)
    assert found.low == pytest.approx(0.0945, abs=1e-3)
    assert found.high == pytest.approx(0.9055, abs=1e-3)


def vars_of(row: Row) -> dict[str, object]:
    return {name: getattr(row, name) for name in Row.__dataclass_fields__}


def test_statistics_come_as_tables_as_json_and_as_a_picture(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(database)
    picture = tmp_path / "days.png"

    stats(days=30, as_json=True, png=picture)
    found = json.loads(capsys.readouterr().out)
    assert found["all"]["shown"] == 2
    assert len(found["days"]) == 2
    assert list(found["languages"]) == ["python"]
    assert picture.read_bytes().startswith(b"\x89PNG")

    stats(days=30, as_json=False, png=None)
    assert "50%" in capsys.readouterr().out
    stats(days=1, as_json=False, png=None)
    assert "100%" in capsys.readouterr().out


def test_a_picture_that_cannot_be_written_is_one_clear_error(
    database: Path, tmp_path: Path
) -> None:
    fill(database)

    with pytest.raises(FeedbackError, match="expected a file that can be written"):
        stats(days=30, as_json=False, png=tmp_path / "nowhere" / "days.png")
