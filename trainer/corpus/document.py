"""Documents, and the Parquet files that hold them.

Parts are written in row groups of a few megabytes and read a few rows at a time, so that memory
stays bounded whatever the size of the corpus.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from lsp_server.contract.canonical import canonical_text
from lsp_server.contract.languages.profiles import language_of
from trainer.errors import CorpusError

ROW_GROUP_BYTES = 8_000_000
"""Text in one row group; a reader holds one of them at a time."""

PART_BYTES = 256_000_000
"""Text in one part."""

READ_ROWS = 256
"""Rows that a reader turns into objects at a time."""


@dataclass(frozen=True, slots=True)
class Document:
    """One source file and where it came from."""

    id: str
    """First 32 hexadecimal digits of the text's SHA-256."""
    source: str
    """Name of the source plugin that gave it."""
    repo: str
    """Repository, distribution or folder: the unit of the held-out split."""
    path: str
    """Path inside `repo`, with forward slashes."""
    commit: str
    """Commit, version or dataset revision; empty where the source has none."""
    licence: str
    """Licence in lower-case SPDX style where known, else `unknown`."""
    text: str


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Document))


def document_id(text: str) -> str:
    """First 32 hexadecimal digits of the SHA-256 of `text` in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class DocumentWriter:
    """Writes documents to `part-00000.parquet` and on in one folder; a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.documents = 0
        self.bytes = 0
        self._rows: list[Document] = []
        self._row_bytes = 0
        self._part_bytes = 0
        self._parts = 0
        self._writer: Any = None

    def write(self, document: Document) -> None:
        """Add one document; it reaches the disk with its row group."""
        size = len(document.text.encode())
        self._rows.append(document)
        self._row_bytes += size
        self.bytes += size
        self.documents += 1
        if self._row_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([(column, pa.string()) for column in COLUMNS])
        if self._writer is None:
            path = self.folder / f"part-{self._parts:05d}.parquet"
            self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        columns = [[getattr(row, column) for row in self._rows] for column in COLUMNS]
        self._writer.write_table(pa.table(columns, schema=schema))
        self._part_bytes += self._row_bytes
        self._rows, self._row_bytes = [], 0
        if self._part_bytes >= PART_BYTES:
            self._close_part()

    def _close_part(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._parts += 1
            self._part_bytes = 0

    def __enter__(self) -> "DocumentWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and (self._rows or (self._parts == 0 and self._writer is None)):
            self._flush()
        self._close_part()


def read_documents(folder: Path) -> Iterator[Document]:
    """Every document of a folder in the order it was written.

    Raises CorpusError where the folder has no parts or one of them is damaged.
    """
    for batch in read_batches(part_files(folder), list(COLUMNS)):
        columns = [batch.column(column).to_pylist() for column in COLUMNS]
        for row in zip(*columns, strict=True):
            yield Document(*row)


def read_canonical(folder: Path) -> Iterator[Document]:
    """Every document of a folder, its text in the form that the model reads.

    What learns from documents or measures on them reads them so; ids and hashes are those of the
    texts as they were found.
    """
    for document in read_documents(folder):
        yield replace(document, text=canonical_text(document.text, language_of(document.path)))


def part_files(folder: Path) -> list[Path]:
    """The folder's Parquet parts in order; raises CorpusError where there is none."""
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        raise CorpusError(
            f"expected part-*.parquet in {folder}, found none; run the stage that writes it again"
        )
    return parts


def read_batches(files: list[Path], columns: list[str]) -> Iterator[Any]:
    """Record batches of at most READ_ROWS rows; raises CorpusError for a damaged file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in files:
        try:
            with pq.ParquetFile(path) as parquet:
                yield from parquet.iter_batches(batch_size=READ_ROWS, columns=columns)
        except (pa.ArrowException, OSError) as exc:
            raise CorpusError(
                f"{path} is damaged ({exc}); delete its stage's folder and run it again"
            ) from exc
