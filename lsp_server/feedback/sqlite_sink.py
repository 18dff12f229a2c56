"""The sink `sqlite`, which writes feedback to the database on a thread of its own."""

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Thread
from time import monotonic

from lsp_server.contract.feedback_store import database_path
from lsp_server.errors import FeedbackError
from lsp_server.feedback.database import open_for_writing, write_rows
from lsp_server.feedback.rows import Row

WAITING_ROWS = 10_000
"""That are held while the file cannot be written; more are dropped and counted."""
GATHER_SECONDS = 0.3
"""Rows of this time are one transaction: what a killed server loses at most."""
END_SECONDS = 1.0
"""A server that ends waits so long for the last rows to be written."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that is not written yet."""

    round: int
    row: Row


class SqliteSink:
    """Entry point of the group `lory.feedback`.

    Nothing is opened before the first row. A file that cannot be had is a FeedbackError of a later
    call, never of the thread's, and no call waits for the file.
    """

    def __init__(self) -> None:
        self._path = Path()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        """Device and number of the file that is open."""
        self._rows: Queue[Waiting | None] = Queue(WAITING_ROWS)
        self._round = 0
        """Counts `forget`: rows that came before the last one are not written."""
        self._thread: Thread | None = None
        self._fault: FeedbackError | None = None
        self.dropped = 0

    def __call__(self, rows: Sequence[Row]) -> None:
        """Take rows; raises FeedbackError once the file has turned out to be of no use."""
        if self._fault is not None:
            raise self._fault
        if self._thread is None:
            self._thread = Thread(target=self._write, name="lory-feedback", daemon=True)
            self._thread.start()
        for row in rows:
            try:
                self._rows.put_nowait(Waiting(self._round, row))
            except Full:
                self.dropped += 1
        if self.dropped:
            log.warning("feedback: %d rows dropped so far; the file is not free", self.dropped)

    def forget(self) -> None:
        """Write nothing of what is waiting: it may not be kept any more."""
        self._round += 1

    def close(self) -> None:
        """Write what is waiting, for a second at most."""
        if self._thread is not None:
            try:
                self._rows.put_nowait(None)
                self._thread.join(END_SECONDS)
            except Full:
                log.warning("feedback: the file is not free; the last rows are lost")

    def _write(self) -> None:
        try:
            self._path = database_path()
            batch: list[Waiting] = []
            while self._gather(batch):
                self._commit(batch)
            self._commit(batch)
        except FeedbackError as exc:
            self._fault = exc
        except sqlite3.Error as exc:
            self._fault = FeedbackError(
                f"feedback: expected to write {self._path}, found: {exc}; look at it with: "
                "lory feedback status"
            )
        finally:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        """The file that lies at the path now: what was open before may have been deleted."""
        if self._connection is None or self._opened != identity(self._path):
            self._close()
            self._connection = open_for_writing(self._path)
            self._opened = identity(self._path)
        return self._connection

    def _gather(self, batch: list[Waiting]) -> bool:
        """Add the rows of GATHER_SECONDS from the first on; False once there will be no more."""
        if not batch:
            row = self._rows.get()
            if row is None:
                return False
            batch.append(row)
        deadline = monotonic() + GATHER_SECONDS
        while (left := deadline - monotonic()) > 0:
            try:
                row = self._rows.get(timeout=left)
            except Empty:
                break
            if row is None:
                return False
            batch.append(row)
        return True

    def _commit(self, batch: list[Waiting]) -> None:
        """Write rows and forget them; those of a file that another holds are kept for later."""
        batch[:] = [waiting for waiting in batch if waiting.round == self._round]
        if not batch:
            return
        try:
            write_rows(self._open(), [waiting.row for waiting in batch])
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            return
        batch.clear()


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another at the same path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
