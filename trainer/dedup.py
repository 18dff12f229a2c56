"""Station 3: takes the filtered documents, gives `train/`, `heldout/` and the ledger."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from trainer.config import DedupConfig
from trainer.decontamination import Found, Windows, read_windows
from trainer.document import Document, DocumentWriter, read_documents
from trainer.errors import CorpusError
from trainer.ledger import (
    HELDOUT,
    KEPT,
    TRAIN,
    Entry,
    count_decisions,
    entry_of,
    ledger_hash,
    read_entries,
    write_entries,
)
from trainer.near_duplicates import NearDuplicates
from trainer.progress import watch
from trainer.records import write_record


def run(config: DedupConfig, inputs: Mapping[str, Path], out: Path) -> None:
    """Write `train/`, `heldout/`, `ledger.parquet` and `report.json`.

    Raises CorpusError where nothing is left to train on.
    """
    before = list(read_entries(inputs["filters"] / "decisions.parquet"))
    entries = [entry for entry in before if entry.decision != KEPT]
    documents = read_documents(inputs["filters"] / "documents")
    total = len(before) - len(entries)
    with DocumentWriter(out / "train") as train, DocumentWriter(out / "heldout") as heldout:
        for document, decision in watch(decide(documents, config), "dedup", total):
            entries.append(entry_of(document, decision))
            if decision in (TRAIN, HELDOUT):
                (train if decision == TRAIN else heldout).write(document)
    write_entries(entries, out / "ledger.parquet")
    write_report(entries, out / "report.json")
    if not train.documents:
        raise CorpusError(
            f"dedup: expected documents to train on, found none of {total} left "
            f"({heldout.documents} held out); give more repositories or lower dedup.heldout_share"
        )


def decide(documents: Iterator[Document], config: DedupConfig) -> Iterator[tuple[Document, str]]:
    """Every document with its decision; of duplicates the first stays.

    Duplicates are dropped across the splits, so that no held-out document is like a trained one.
    What is never trained on may hold evaluation text.
    """
    known = read_windows(map(Path, config.decontamination))
    near = NearDuplicates(config.jaccard, config.permutations, config.shingle_tokens)
    seen: set[bytes] = set()
    for document in documents:
        digest = hashlib.sha256("".join(document.text.split()).encode()).digest()[:16]
        if digest in seen:
            yield document, "exact duplicate"
            continue
        seen.add(digest)
        split = split_of(document.repo, config)
        if split == TRAIN and is_contaminated(document.text, known, config):
            yield document, "contaminated"
        elif config.near and near.seen(document.text):
            yield document, "near duplicate"
        else:
            yield document, split


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
    digest = hashlib.sha256(f"{config.seed}\0{repo}".encode()).digest()
    return HELDOUT if int.from_bytes(digest[:8]) / 2**64 < config.heldout_share else TRAIN


def write_report(entries: list[Entry], path: Path) -> None:
    """Counts by decision, the splits' repositories, and the ledger's hash."""
    report = {
        "documents": len(entries),
        "decisions": count_decisions(entries),
        "train_repositories": len({e.repo for e in entries if e.decision == TRAIN}),
        "heldout_repositories": sorted({e.repo for e in entries if e.decision == HELDOUT}),
        "licences": sorted({e.licence for e in entries if e.decision == TRAIN}),
        "ledger_sha256": ledger_hash(entries),
    }
    write_record(path, report)
