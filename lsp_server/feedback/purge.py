"""Deletes feedback so that no text is left in the database or beside it.

Editors may have the file open meanwhile: what is deleted is overwritten, and gone from SQLite's log
of changes too, before the file itself goes.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from lsp_server.contract.feedback_store import TABLE
from lsp_server.errors import FeedbackError
from lsp_server.feedback.database import COMPANIONS, ELSEWHERE, HEADER, check_file, open_for_writing


def delete_rows(path: Path, before: float | None = None) -> int:
    """Delete what is older than a time, or all; the number of rows.

    Raises FeedbackError where the database cannot be written or has another schema.
    """
    with closing(open_for_writing(path)) as connection:
        try:
            limit = float("inf") if before is None else before
            gone = connection.execute(f"DELETE FROM {TABLE} WHERE time < ?", (limit,)).rowcount
            empty_log(connection)
            connection.execute("VACUUM")
            empty_log(connection)
        except sqlite3.Error as exc:
            raise FeedbackError(
                f"feedback: expected to delete from {path}, found: {exc}; "
                "close the editors that use it, and purge again"
            ) from exc
    return gone


def empty_log(connection: sqlite3.Connection) -> None:
    """Write SQLite's log of changes to the file, and cut it to nothing; sqlite3.Error if in use."""
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise sqlite3.OperationalError("another program is reading it")


def delete_database(path: Path) -> Path:
    """Delete the database that a path leads to, with all that lies beside it; where it lay.

    Raises FeedbackError where the file is not Lory's, or another program keeps its rows.
    """
    check_file(path)
    real = path.resolve()
    try:
        with real.open("rb") as file:
            is_database = file.read(len(HEADER)) in (HEADER, b"")
        if not is_database:
            raise FeedbackError(
                f"feedback: expected a database of Lory's at {real}, found none; if it was one, "
                f"delete it by hand, else {ELSEWHERE}"
            )
        if not is_damaged(real):
            delete_rows(real)
        for name in (real, *(real.with_name(real.name + end) for end in COMPANIONS)):
            name.unlink(missing_ok=True)
        if path.is_symlink():
            path.unlink()
    except OSError as exc:
        raise FeedbackError(
            f"feedback: expected to delete {real}, found: {exc}; close the editors that use it"
        ) from exc
    return real


def is_damaged(path: Path) -> bool:
    """Whether a file is a database that SQLite cannot read any more."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.OperationalError:  # in use, or not to be opened: no damage
        return False
    except sqlite3.DatabaseError:
        return True
