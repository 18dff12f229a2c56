"""Every document gets one decision; no held-out repository, and nothing like it, is trained on."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from trainer.corpus import dedup, filters
from trainer.corpus.config import DedupConfig, FiltersConfig
from trainer.corpus.document import Document, DocumentWriter, read_documents
from trainer.corpus.ledger import HELDOUT, TRAIN, read_entries, rebuild
from trainer.corpus.readers.files import Origin, admit_text
from trainer.corpus.screening.decontamination import write_windows
from trainer.errors import CorpusError


def text(seed: int, lines: int = 30) -> str:
    return "".join(f"value_{seed}_{line} = compute_{seed}({line})\n" for line in range(lines))


def document(content: str, repo: str = "owner/a", path: str = "a.py") -> Document:
    return admit_text(Origin("git", repo, "c0ffee", "mit"), path, content)


def decisions(documents: list[Document], **settings: Any) -> list[str]:
    config = DedupConfig(**({"heldout_share": 0.0} | settings))
    return [decision for _, decision in dedup.decide(iter(documents), config)]


def test_a_copy_with_other_white_space_is_an_exact_duplicate_of_the_first() -> None:
    first, copy = document(text(0)), document(text(0).replace("\n", "\n\n  "), path="b.py")
    assert decisions([first, copy]) == [TRAIN, "exact duplicate"]
    assert decisions([copy, first]) == [TRAIN, "exact duplicate"]


def test_a_copy_with_one_line_changed_is_a_near_duplicate_where_asked() -> None:
    changed = document(text(0, 300).replace("compute_0(7)", "other"), path="b.py")
    pair = [document(text(0, 300)), changed]
    assert decisions(pair) == [TRAIN, "near duplicate"]
    assert decisions(pair, near=False) == [TRAIN, TRAIN]


def test_documents_that_differ_all_stay() -> None:
    assert set(decisions([document(text(seed)) for seed in range(20)])) == {TRAIN}


def test_a_document_is_contaminated_from_the_set_share_of_listed_windows(tmp_path: Path) -> None:
    write_windows([text(0, 13) + text(2)], tmp_path / "listed.bin")  # 10 of its windows
    below = document(text(0, 13) + text(1, 21))  # 34 lines: 10 of 31 windows
    at = document(text(0, 13) + text(1, 20))  # 33 lines: 10 of 30 windows
    settings = {"decontamination": [str(tmp_path / "listed.bin")], "near": False}
    found = decisions([below, at], **settings, contaminated_share=10 / 30)
    assert found == [TRAIN, "contaminated"]


def test_a_long_document_that_holds_a_whole_problem_is_contaminated(tmp_path: Path) -> None:
    write_windows([text(0, 13), "n = int(input())\nprint(n)"], tmp_path / "listed.bin")
    long = document(text(1, 300) + text(0, 13) + text(2, 300))
    short = document(text(3, 300) + "n = int(input())\nprint(n)\n" + text(4, 300))
    part = document(text(5, 300) + text(0, 7) + text(6, 300))  # 4 of its 10 windows
    settings = {"decontamination": [str(tmp_path / "listed.bin")], "near": False}
    assert decisions([long, short, part], **settings) == ["contaminated", "contaminated", TRAIN]
    assert decisions([part], **settings, contaminated_problem_share=0.4) == ["contaminated"]
    assert decisions([part], **settings, contaminated_windows=4) == ["contaminated"]


def test_what_is_never_trained_on_may_hold_evaluation_text(tmp_path: Path) -> None:
    write_windows([text(0)], tmp_path / "listed.bin")
    settings = {
        "decontamination": [str(tmp_path / "listed.bin")],
        "heldout_repositories": ["owner/b"],
    }
    assert decisions([document(text(0), "owner/b")], **settings) == [HELDOUT]
    assert decisions([document(text(0), "owner/a")], **settings) == ["contaminated"]


def test_nothing_like_a_held_out_document_is_trained_on_and_the_other_way_round() -> None:
    kept = document(text(0, 300), "owner/kept")
    held = document(text(0, 300).replace("compute_0(7)", "other"), "owner/held")
    settings = {"heldout_repositories": ["owner/held"]}
    assert decisions([held, kept], **settings) == [HELDOUT, "near duplicate"]
    assert decisions([kept, held], **settings) == [TRAIN, "near duplicate"]


def test_a_repository_is_in_one_split_as_a_whole_and_the_seed_moves_the_splits() -> None:
    documents = [document(text(seed), f"owner/r{seed % 200}", f"{seed}.py") for seed in range(600)]
    by_seed = []
    for seed in (0, 1):
        splits: dict[str, set[str]] = {}
        found = decisions(documents, heldout_share=0.2, seed=seed, near=False)
        for entry, decision in zip(documents, found, strict=True):
            splits.setdefault(entry.repo, set()).add(decision)
        assert all(len(split) == 1 for split in splits.values())
        held = {repo for repo, split in splits.items() if split == {HELDOUT}}
        assert 20 <= len(held) <= 60
        by_seed.append(held)
    assert by_seed[0] != by_seed[1]


def filtered(folder: Path, documents: list[Document]) -> dict[str, Path]:
    """Folders of the stages before dedup."""
    folder.mkdir(exist_ok=True)
    inputs = {"sources": folder / "sources", "filters": folder / "filters"}
    with DocumentWriter(inputs["sources"] / "documents") as writer:
        for entry in documents:
            writer.write(entry)
    filters.run(FiltersConfig(workers=1), inputs, inputs["filters"])
    return inputs


@pytest.fixture
def corpus() -> list[Document]:
    documents = [document(text(seed), f"owner/r{seed % 5}", f"{seed}.py") for seed in range(25)]
    blank = document("\n", "owner/r0", "blank.py")
    return [*documents, blank, document(text(0), "owner/r1", "copy.py")]


CONFIG = DedupConfig(heldout_share=0.0, heldout_repositories=["owner/r2"])


def run(folder: Path, corpus: list[Document]) -> tuple[Path, dict[str, Any]]:
    inputs = filtered(folder, corpus)
    out = folder / "dedup"
    out.mkdir()
    dedup.run(CONFIG, inputs, out)
    return out, json.loads((out / "report.json").read_text())


def test_the_ledger_holds_every_document_of_the_sources_once(
    tmp_path: Path, corpus: list[Document]
) -> None:
    out, report = run(tmp_path / "run", corpus)
    entries = list(read_entries(out / "ledger.parquet"))
    expected = Counter((entry.id, entry.repo, entry.path) for entry in corpus)
    assert Counter((entry.id, entry.repo, entry.path) for entry in entries) == expected
    counts = Counter(entry.decision for entry in entries)
    assert counts == {TRAIN: 20, HELDOUT: 5, "blank": 1, "exact duplicate": 1}
    assert report["heldout_repositories"] == ["owner/r2"]
    assert {entry.repo for entry in read_documents(out / "heldout")} == {"owner/r2"}
    assert "owner/r2" not in {entry.repo for entry in read_documents(out / "train")}


def test_the_training_set_is_rebuilt_from_ledger_and_sources(
    tmp_path: Path, corpus: list[Document]
) -> None:
    out, _ = run(tmp_path / "run", corpus)
    sources = read_documents(tmp_path / "run/sources/documents")
    rebuilt = list(rebuild(read_entries(out / "ledger.parquet"), sources))
    assert rebuilt == list(read_documents(out / "train"))


def test_the_ledgers_hash_is_the_same_on_every_run_and_changes_with_the_corpus(
    tmp_path: Path, corpus: list[Document]
) -> None:
    hashes = [
        run(tmp_path / name, documents)[1]["ledger_sha256"]
        for name, documents in (("a", corpus), ("b", corpus), ("c", corpus[1:]))
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_corpus_that_is_held_out_whole_is_an_error(tmp_path: Path) -> None:
    inputs = filtered(tmp_path, [document(text(0), "owner/r2")])
    (tmp_path / "dedup").mkdir()
    with pytest.raises(CorpusError, match=r"found none of 1 left \(1 held out\)"):
        dedup.run(CONFIG, inputs, tmp_path / "dedup")


@pytest.mark.parametrize("share", [0.3, 1e-9])
def test_of_a_single_repository_files_are_held_out(share: float, tmp_path: Path) -> None:
    documents = [document(text(seed), path=f"{seed}.py") for seed in range(20)]
    (tmp_path / "dedup").mkdir()
    inputs, out = filtered(tmp_path, documents), tmp_path / "dedup"
    dedup.run(DedupConfig(heldout_share=share), inputs, out)
    train, heldout = (
        [entry.path for entry in read_documents(out / split)] for split in (TRAIN, HELDOUT)
    )
    assert len(train) + len(heldout) == 20
    assert len(heldout) == 1 if share < 0.1 else 2 < len(heldout) < 10


def test_of_several_repositories_one_at_least_is_held_out_if_any_are_to_be() -> None:
    config = DedupConfig(heldout_share=1e-9)
    few = {"a/one", "a/two", "a/three"}
    named = dedup.with_one_held_out(config, few).heldout_repositories
    assert len(named) == 1
    assert dedup.with_one_held_out(config, {*few, "b"} - set(named)).heldout_repositories != named
    for settings, names in (
        (config, {"a/one"}),
        (DedupConfig(heldout_share=0.0), few),
        (DedupConfig(heldout_share=1e-9, heldout_repositories=["a/two"]), few),
    ):
        assert dedup.with_one_held_out(settings, names) == settings
