"""Writes many small rows to one Parquet file in little memory."""

from dataclasses import astuple, fields
from pathlib import Path
from types import TracebackType
from typing import Any

ROW_GROUP = 10_000
"""Rows that are held before they are written."""


class RowWriter:
    """Writes frozen dataclasses of one class, of strings and whole numbers; a context manager."""

    def __init__(self, path: Path, kind: type[Any]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.rows = 0
        columns = [
            (field.name, pa.int64() if field.type in (int, "int") else pa.string())
            for field in fields(kind)
        ]
        self._schema = pa.schema(columns)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._held: list[tuple[Any, ...]] = []

    def write(self, row: Any) -> None:
        """Add one row."""
        self._held.append(astuple(row))
        self.rows += 1
        if len(self._held) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        columns: Any = zip(*self._held, strict=True)
        table = pa.table([list(column) for column in columns], schema=self._schema)
        self._writer.write_table(table)
        self._held = []

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is None and self._held:
            self._flush()
        self._writer.close()
