"""The stage reads its sources in order, counts what it skipped, and names what it does not know."""

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.corpus import sources
from trainer.corpus.config import SourcesConfig, SourceSpec
from trainer.corpus.document import read_documents
from trainer.errors import CorpusError, SourceError


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text(f"{name} = 1\n")
        (tmp_path / name / "bad.py").write_bytes(b"\0")
    return tmp_path


def folder(path: Path, **options: Any) -> SourceSpec:
    return SourceSpec(plugin="folder", options={"path": str(path), **options})


def run(specs: list[SourceSpec], out: Path) -> Path:
    out.mkdir()
    sources.run(SourcesConfig(sources=specs), {}, out)
    return out


def test_every_source_is_read_in_the_recipes_order(folders: Path, tmp_path: Path) -> None:
    specs = [folder(folders / "two", licence="mit"), folder(folders / "one", repo="renamed")]
    out = run(specs, tmp_path / "out")
    found = [(d.repo, d.licence, d.text) for d in read_documents(out / "documents")]
    assert found == [("two", "mit", "two = 1\n"), ("renamed", "unknown", "one = 1\n")]


def test_what_was_skipped_is_counted_and_listed(folders: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    out = run([folder(folders / "one")], tmp_path / "out")
    report = json.loads((out / "report.json").read_text())
    assert report["skipped"] == {"binary": 1}
    assert report["repositories"] == [
        {"source": "folder", "repo": "one", "documents": 1, "bytes": 8}
    ]
    assert pq.read_table(out / "skipped.parquet").to_pylist() == [
        {"source": "folder", "repo": "one", "path": "bad.py", "reason": "binary"}
    ]


def test_the_four_built_in_plugins_enter_by_entry_points() -> None:
    from importlib.metadata import entry_points

    names = {entry.name for entry in entry_points(group=sources.GROUP.name)}
    assert {"folder", "git", "distributions", "dataset"} <= names
    assert all(entry.load() for entry in entry_points(group=sources.GROUP.name))


def test_an_unknown_plugin_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"unknown source plugin ftp; known: .*folder, git"):
        run([SourceSpec(plugin="ftp")], tmp_path / "out")


def test_an_unknown_option_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'licens'; its options: path, repo, licence"):
        run([SourceSpec(plugin="folder", options={"path": "x", "licens": "y"})], tmp_path / "out")


def test_a_missing_option_is_named_before_anything_is_read(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="source plugin folder: missing a required"):
        run([folder(folders / "one"), SourceSpec(plugin="folder")], tmp_path / "out")
    assert list((tmp_path / "out/documents").glob("*")) == []


def test_sources_that_give_nothing_are_an_error_with_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none/bad.py").write_bytes(b"\0")
    with pytest.raises(CorpusError, match="1 files skipped: binary 1"):
        run([folder(tmp_path / "none")], tmp_path / "out")
