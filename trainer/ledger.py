"""The ledger: takes one decision for every document, gives a Parquet file and a stable hash."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from trainer.document import Document, read_batches
from trainer.errors import CorpusError

KEPT = "kept"
"""Decision of a stage that leaves a document to the next one."""
TRAIN = "train"
HELDOUT = "heldout"

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One document of the sources and what became of it."""

    id: str
    source: str
    repo: str
    path: str
    commit: str
    licence: str
    bytes: int
    """Of the text in UTF-8."""
    decision: str
    """`kept` while it is underway; `train`, `heldout`, or the reason why it was dropped."""


def entry_of(document: Document, decision: str) -> Entry:
    """The ledger's row for a document."""
    return Entry(
        id=document.id,
        source=document.source,
        repo=document.repo,
        path=document.path,
        commit=document.commit,
        licence=document.licence,
        bytes=len(document.text.encode()),
        decision=decision,
    )


def write_entries(entries: Iterable[Entry], path: Path) -> None:
    """All entries as one Parquet file in the order given."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [field.name for field in fields(Entry)]
    types = [pa.int64() if name == "bytes" else pa.string() for name in names]
    rows: Any = list(zip(*map(astuple, entries), strict=True)) or [[] for _ in names]
    schema = pa.schema(list(zip(names, types, strict=True)))
    table = pa.table([list(column) for column in rows], schema=schema)
    pq.write_table(table, path, compression="zstd")


def read_entries(path: Path) -> Iterator[Entry]:
    """Entries in the order they were written; raises CorpusError for a missing or damaged file."""
    if not path.is_file():
        raise CorpusError(
            f"expected a ledger at {path}, found none; run the stage that writes it again"
        )
    names = [field.name for field in fields(Entry)]
    for batch in read_batches([path], names):
        for row in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
            yield Entry(*row)


def ledger_hash(entries: Iterable[Entry]) -> str:
    """SHA-256 over the sorted rows, so that neither order nor file format changes it."""
    digest = hashlib.sha256()
    for row in sorted(map(astuple, entries)):
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def count_decisions(entries: Iterable[Entry]) -> dict[str, dict[str, int]]:
    """Documents and bytes by decision, the most common first."""
    documents: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for entry in entries:
        documents[entry.decision] += 1
        sizes[entry.decision] += entry.bytes
    return {
        decision: {"documents": count, "bytes": sizes[decision]}
        for decision, count in documents.most_common()
    }


def rebuild(entries: Iterable[Entry], documents: Iterable[Document]) -> Iterator[Document]:
    """The training set again: of what the sources give, the documents that the ledger trains on.

    Raises CorpusError after the last of them where the sources no longer give all.
    """
    wanted = Counter(key_of(entry) for entry in entries if entry.decision == TRAIN)
    for document in documents:
        if wanted[key_of(document)] > 0:
            wanted[key_of(document)] -= 1
            yield document
    missing = [key for key, count in wanted.items() if count > 0]
    if missing:
        raise CorpusError(
            f"expected all documents of the ledger, found {len(missing)} missing, such as "
            f"{missing[0][2]}/{missing[0][3]}; check out the sources at the ledger's commits"
        )


def key_of(row: Entry | Document) -> Key:
    """What tells one document of the sources from another."""
    return (row.id, row.source, row.repo, row.path)
