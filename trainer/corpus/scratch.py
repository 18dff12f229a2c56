"""Tables on disk for what a stage must remember of every document."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE_KIB = 32_000
"""Of pages that SQLite keeps in memory."""


@contextmanager
def open_scratch(folder: Path | None = None) -> Iterator[sqlite3.Connection]:
    """A database in a file of its own, in `folder` or with temporary files; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".scratch-") as place:
        connection = sqlite3.connect(Path(place) / "scratch.sqlite", isolation_level=None)
        try:
            for setting in (
                "journal_mode = OFF",  # nothing is ever rolled back
                "synchronous = OFF",
                "locking_mode = EXCLUSIVE",
                "temp_store = FILE",
                f"cache_size = -{CACHE_KIB}",
            ):
                connection.execute(f"PRAGMA {setting}")
            connection.execute("BEGIN")  # one transaction: without it every row would be one
            yield connection
        finally:
            connection.close()
