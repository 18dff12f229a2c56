"""Opens the feedback database, and upgrades its schema where needed."""

import json
import os
import sqlite3
import stat
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from lsp_server.contract.feedback_store import PATH_VARIABLE, SCHEMA, TABLE
from lsp_server.errors import FeedbackError
from lsp_server.feedback.rows import Row

COLUMNS = tuple(field.name for field in fields(Row))
LISTS = frozenset(("tokens", "logprobs"))
"""Columns that hold JSON."""
TYPES = {
    **dict.fromkeys(("time", "probability", "latency_ms", "seconds"), "REAL"),
    **dict.fromkeys(("rank", "candidates", "shown", "accepted_characters"), "INTEGER"),
    **dict.fromkeys(("typed_characters", "retained_characters"), "INTEGER"),
}
"""Of the columns that are not TEXT."""
ELSEWHERE = f"move it away, or name another file in {PATH_VARIABLE}"
HEADER = b"SQLite format 3\0"
"""What every database begins with, a damaged one too."""
COMPANIONS = ("-wal", "-shm", "-journal")
"""Ends of the names of files that SQLite keeps beside a database."""
NULLABLE = frozenset(("retained_characters", "fate", "settled", "path", "prefix", "suffix"))
"""Columns that may be empty."""
PATIENCE = 5.0
"""Seconds to wait for another server that is writing."""


def check_file(path: Path) -> None:
    """Raise FeedbackError where what lies at a path cannot be a database, as a pipe cannot."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise FeedbackError(
            f"feedback: expected a file at {path}, found: {exc}; {ELSEWHERE}"
        ) from exc
    if not stat.S_ISREG(mode):
        raise FeedbackError(f"feedback: expected a file at {path}, found none; {ELSEWHERE}")


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The database, made if it is not there, readable by its owner alone.

    What is deleted from it is overwritten. Raises FeedbackError where it cannot be written or is no
    feedback database of this schema.
    """
    check_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
        try:
            create_table(connection, path)  # first of all: another schema's file stays as it is
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")
        except BaseException:
            connection.close()
            raise
    except (OSError, sqlite3.Error) as exc:
        raise FeedbackError(
            f"feedback: expected a database that can be written at {path}, found: {exc}; "
            f"{ELSEWHERE}"
        ) from exc
    return connection


def create_table(connection: sqlite3.Connection, path: Path) -> None:
    """Make the table in an empty file; FeedbackError in one that holds something else."""
    connection.execute("BEGIN IMMEDIATE")  # two servers may start at once
    try:
        version = schema_of(connection)
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not version and not tables:
            columns = (f"{name} {TYPES.get(name, 'TEXT')}" for name in COLUMNS)
            connection.execute(f"CREATE TABLE {TABLE} ({', '.join(columns)}, PRIMARY KEY (id))")
            connection.execute(f"CREATE INDEX {TABLE}_by_time ON {TABLE} (time)")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        else:
            check_schema(connection, version, path)
    finally:
        connection.execute("COMMIT")


def open_for_reading(path: Path) -> sqlite3.Connection:
    """The database, rows by name; FeedbackError where it cannot be read or has another schema."""
    check_file(path)
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", timeout=PATIENCE, uri=True
        )
        check_schema(connection, schema_of(connection), path)
    except sqlite3.Error as exc:
        raise unreadable(path, exc) from exc
    connection.row_factory = sqlite3.Row
    return connection


def schema_of(connection: sqlite3.Connection) -> int:
    """The schema that a file says it has; 0 for a file that is empty or somebody else's."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def unreadable(path: Path, exc: Exception) -> FeedbackError:
    """What to say of a database that is damaged."""
    return FeedbackError(
        f"feedback: expected a database at {path}, found: {exc}; delete it with: "
        "lory feedback purge"
    )


def check_schema(connection: sqlite3.Connection, version: int, path: Path) -> None:
    """Raise FeedbackError unless the schema is the one that is known."""
    if version == SCHEMA:
        found = {row[1] for row in connection.execute(f"PRAGMA table_info({TABLE})")}
        if set(COLUMNS) <= found:
            return
        raise FeedbackError(
            f"feedback: expected Lory's columns in {path}, found another's database; {ELSEWHERE}"
        )
    advice = "update Lory" if version > SCHEMA else "move the file away"
    raise FeedbackError(
        f"feedback: expected schema {SCHEMA} in {path}, found {version}; {advice}, or name another "
        f"file in {PATH_VARIABLE}"
    )


def write_rows(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Add rows in one transaction; one with a known id takes the place of what was known before."""
    marks = ", ".join("?" * len(COLUMNS))
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(
            f"INSERT OR REPLACE INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({marks})",
            [tuple(value_of(row, name) for name in COLUMNS) for row in rows],
        )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def value_of(row: Row, name: str) -> Any:
    """A row's value as SQLite keeps it."""
    value = getattr(row, name)
    if name in LISTS:
        return json.dumps(value)
    return str(value) if isinstance(value, str) else value  # an enumeration's member is a str too
