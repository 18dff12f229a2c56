"""The ledger: every document with its source, licence and the decision made about it."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from trainer.corpus.document import Document, read_batches
from trainer.corpus.row_file import RowWriter
from trainer.corpus.scratch import open_scratch
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
    with RowWriter(path, Entry) as rows:
        for entry in entries:
            rows.write(entry)


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
    """SHA-256 over the sorted rows, so that neither order nor file format changes it.

    They are sorted on disk.
    """
    digest = hashlib.sha256()
    names = ", ".join(f'"{field.name}"' for field in fields(Entry))
    marks = ", ".join("?" for _ in fields(Entry))
    with open_scratch() as scratch:
        scratch.execute(f"CREATE TABLE ledger ({names})")
        scratch.executemany(f"INSERT INTO ledger VALUES ({marks})", map(astuple, entries))
        for row in scratch.execute(f"SELECT * FROM ledger ORDER BY {names}"):
            digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


class Tally:
    """Counts of the entries that passed: as many as there are decisions, repositories, licences."""

    def __init__(self) -> None:
        self.documents: Counter[str] = Counter()
        """By decision, and so the next."""
        self.bytes: Counter[str] = Counter()
        self.repositories: defaultdict[str, set[str]] = defaultdict(set)
        self.licences: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, entry: Entry) -> Entry:
        """Count an entry; gives it back."""
        self.documents[entry.decision] += 1
        self.bytes[entry.decision] += entry.bytes
        if entry.decision in (TRAIN, HELDOUT):
            self.repositories[entry.decision].add(entry.repo)
            self.licences[entry.decision].add(entry.licence)
        return entry

    @property
    def decisions(self) -> dict[str, dict[str, int]]:
        """Documents and bytes by decision, the most common first."""
        return {
            decision: {"documents": count, "bytes": self.bytes[decision]}
            for decision, count in self.documents.most_common()
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
