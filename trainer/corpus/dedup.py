"""Stage `dedup`: removes duplicates and benchmark text, and splits by repository."""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from lsp_server.contract.records import write_record
from trainer.corpus.config import DedupConfig
from trainer.corpus.document import Document, DocumentWriter, read_documents
from trainer.corpus.ledger import (
    HELDOUT,
    KEPT,
    TRAIN,
    Entry,
    Tally,
    entry_of,
    ledger_hash,
    read_entries,
)
from trainer.corpus.row_file import RowWriter
from trainer.corpus.scratch import open_scratch
from trainer.corpus.screening.decontamination import Found, Windows, read_windows
from trainer.corpus.screening.near_duplicates import NearDuplicates
from trainer.errors import CorpusError
from trainer.runtime.progress import watch


def run(config: DedupConfig, inputs: Mapping[str, Path], out: Path) -> None:
    """Write `train/`, `heldout/`, `ledger.parquet` and `report.json`.

    Raises CorpusError where nothing is left to train on.
    """
    ledger, total, repositories, lowest = out / "ledger.parquet", 0, set[str](), 1.0
    documents = read_documents(inputs["filters"] / "documents")
    with (
        RowWriter(ledger, Entry) as entries,
        DocumentWriter(out / "train") as train,
        DocumentWriter(out / "heldout") as heldout,
    ):
        for entry in read_entries(inputs["filters"] / "decisions.parquet"):
            if entry.decision == KEPT:
                total += 1
                repositories.add(entry.repo)
                lowest = min(lowest, drawn_number(file_name(entry), config))
            else:
                entries.write(entry)
        config = with_one_held_out(config, repositories)
        share = max(config.heldout_share, lowest) if is_alone(config, repositories) else None
        for document, decision in watch(decide(documents, config, out, share), "dedup", total):
            entries.write(entry_of(document, decision))
            if decision in (TRAIN, HELDOUT):
                (train if decision == TRAIN else heldout).write(document)
    write_report(read_entries(ledger), out / "report.json")
    if not train.documents:
        raise CorpusError(
            f"dedup: expected documents to train on, found none of {total} left "
            f"({heldout.documents} held out); give more repositories or lower dedup.heldout_share"
        )


def decide(
    documents: Iterator[Document],
    config: DedupConfig,
    folder: Path | None = None,
    share_of_files: float | None = None,
) -> Iterator[tuple[Document, str]]:
    """Every document with its decision; of duplicates the first stays.

    What is known of the documents so far lies in a file in `folder`, or where temporary files are.
    With `share_of_files`, files are held out instead of repositories.

    Duplicates are dropped across the splits, so that no held-out document is like a trained one.
    What is never trained on may hold evaluation text.
    """
    known = read_windows(map(Path, config.decontamination))
    with open_scratch(folder) as scratch:
        near = NearDuplicates(config.jaccard, config.permutations, config.shingle_tokens, scratch)
        scratch.execute("CREATE TABLE texts (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        for document in documents:
            split = split_of(document.repo, config)
            if share_of_files is not None:
                number = drawn_number(file_name(document), config)
                split = HELDOUT if number <= share_of_files else TRAIN
            if is_copy(document.text, scratch):
                yield document, "exact duplicate"
            elif split == TRAIN and is_contaminated(document.text, known, config):
                yield document, "contaminated"
            elif config.near and near.seen(document.text):
                yield document, "near duplicate"
            else:
                yield document, split


def is_copy(text: str, scratch: sqlite3.Connection) -> bool:
    """Whether a text, white space aside, came before; notes that it has come."""
    digest = hashlib.sha256("".join(text.split()).encode()).digest()[:16]
    return scratch.execute("INSERT OR IGNORE INTO texts VALUES (?)", (digest,)).rowcount == 0


def is_contaminated(text: str, known: Windows, config: DedupConfig) -> bool:
    """Whether a text holds so much of a problem, or so many windows, or is so much of them."""
    found = known.find(text) if len(known.hashes) else Found()
    return (
        found.problem_share >= config.contaminated_problem_share
        or found.windows >= config.contaminated_windows
        or found.share >= config.contaminated_share
    )


def split_of(repo: str, config: DedupConfig) -> str:
    """The split that a repository belongs to, by a hash of its name."""
    if repo in config.heldout_repositories:
        return HELDOUT
    return HELDOUT if drawn_number(repo, config) < config.heldout_share else TRAIN


def file_name(found: Document | Entry) -> str:
    """The name that a file is drawn by."""
    return f"{found.repo}/{found.path}"


def is_alone(config: DedupConfig, repositories: set[str]) -> bool:
    """Whether files are to be held out, as there is one repository, whose name nobody gave."""
    named = repositories & set(config.heldout_repositories)
    return len(repositories) == 1 and config.heldout_share > 0 and not named


def drawn_number(name: str, config: DedupConfig) -> float:
    """The number in 0..1 of a repository, or of a file: those below the share are held out."""
    digest = hashlib.sha256(f"{config.seed}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def with_one_held_out(config: DedupConfig, repositories: set[str]) -> DedupConfig:
    """The settings; of several repositories, if none is below the share, with the lowest named."""
    splits = {split_of(repo, config) for repo in repositories}
    if not config.heldout_share or HELDOUT in splits or len(repositories) < 2:
        return config
    lowest = min(repositories, key=lambda repo: drawn_number(repo, config))
    return replace(config, heldout_repositories=[*config.heldout_repositories, lowest])


def write_report(entries: Iterable[Entry], path: Path) -> None:
    """Counts by decision, the splits' repositories, and the ledger's hash."""
    tally = Tally()
    digest = ledger_hash(map(tally.add, entries))
    report = {
        "documents": tally.documents.total(),
        "decisions": tally.decisions,
        "train_repositories": len(tally.repositories[TRAIN]),
        "heldout_repositories": sorted(tally.repositories[HELDOUT]),
        "licences": sorted(tally.licences[TRAIN]),
        "ledger_sha256": digest,
    }
    write_record(path, report)
