"""The ledger's hash tells decisions apart, and the training set comes back from the ledger."""

import hashlib
import json
import random
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from trainer.corpus.ledger import (
    HELDOUT,
    TRAIN,
    Entry,
    Tally,
    entry_of,
    ledger_hash,
    read_entries,
    rebuild,
    write_entries,
)
from trainer.corpus.readers.files import Origin, admit_text
from trainer.errors import CorpusError

DOCUMENTS = [
    admit_text(Origin("git", f"owner/r{n % 3}", "c0ffee", "mit"), f"{n}.py", f"ä = {n}\n")
    for n in range(30)
]
DECISIONS = (TRAIN, HELDOUT, "blank", TRAIN, "near duplicate")
ENTRIES = [
    entry_of(document, DECISIONS[number % len(DECISIONS)])
    for number, document in enumerate(DOCUMENTS)
]


def test_entries_come_back_equal_and_in_order(tmp_path: Path) -> None:
    write_entries(ENTRIES, tmp_path / "ledger.parquet")
    assert list(read_entries(tmp_path / "ledger.parquet")) == ENTRIES


def test_an_entrys_size_is_in_bytes() -> None:
    assert ENTRIES[0].bytes == len("ä = 0\n".encode()) == 7


def test_the_hash_does_not_depend_on_order_and_changes_with_every_field() -> None:
    shuffled = random.Random(0).sample(ENTRIES, len(ENTRIES))
    assert ledger_hash(shuffled) == ledger_hash(ENTRIES)
    first: Entry = ENTRIES[0]
    changed = [
        replace(first, decision=HELDOUT),
        replace(first, bytes=1),
        replace(first, licence="gpl"),
        replace(first, commit="feed"),
    ]
    hashes = {ledger_hash([entry, *ENTRIES[1:]]) for entry in [first, *changed]}
    assert len(hashes) == 5


def test_the_hash_is_over_the_rows_as_python_sorts_them() -> None:
    texts = ["", "a", "Ä", "\uffff", "\U0001f600", "Z", "a\0b"]
    draw = random.Random(0)
    entries = [
        replace(first, path=draw.choice(texts), bytes=draw.randrange(2000), repo=draw.choice(texts))
        for first in ENTRIES * 9
    ]
    digest = hashlib.sha256()
    for row in sorted(map(astuple, entries)):
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    assert ledger_hash(iter(entries)) == digest.hexdigest()


def test_the_training_set_is_rebuilt_from_the_ledger_and_the_sources() -> None:
    rebuilt = list(rebuild(ENTRIES, iter(DOCUMENTS)))
    assert rebuilt == [d for d, e in zip(DOCUMENTS, ENTRIES, strict=True) if e.decision == TRAIN]
    assert len(rebuilt) == 12


def test_of_two_equal_files_only_the_one_that_was_trained_on_comes_back() -> None:
    twin = replace(DOCUMENTS[0], path="copy.py")
    entries = [*ENTRIES, entry_of(twin, "exact duplicate")]
    assert twin not in list(rebuild(entries, [*DOCUMENTS, twin]))


def test_sources_that_lost_a_document_are_an_error_that_names_one() -> None:
    with pytest.raises(CorpusError, match="found 1 missing, such as owner/r0/0.py"):
        list(rebuild(ENTRIES, DOCUMENTS[1:]))


def test_decisions_are_counted_in_documents_and_bytes() -> None:
    tally = Tally()
    for entry in ENTRIES:
        tally.add(entry)
    counts = tally.decisions
    assert list(counts)[0] == TRAIN
    assert counts[TRAIN]["documents"] == 12
    assert sum(row["bytes"] for row in counts.values()) == sum(entry.bytes for entry in ENTRIES)


def test_a_missing_ledger_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"expected a ledger at .*ledger.parquet"):
        list(read_entries(tmp_path / "ledger.parquet"))
