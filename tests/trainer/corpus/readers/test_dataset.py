"""Local files of CodeParrot's shape are streamed; what cannot be read as such is one line."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainer.corpus.config import SourcesConfig
from trainer.corpus.document import Document
from trainer.corpus.readers.dataset import DatasetSource
from trainer.corpus.readers.files import Skipped
from trainer.errors import SourceError

OFFLINE = """
from trainer.corpus.config import SourcesConfig
from trainer.errors import SourceError
from trainer.corpus.readers.dataset import DatasetSource
try:
    list(DatasetSource(name="codeparrot/codeparrot-clean").read(SourcesConfig()))
except SourceError as error:
    assert str(error).startswith("source dataset: cannot open codeparrot/codeparrot-clean"), error
    assert "\\n" not in str(error)
else:
    raise SystemExit("no error")
"""


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A row in CodeParrot's columns."""
    columns = {
        "repo_name": f"owner/r{number % 2}",
        "path": f"f{number}.py",
        "copies": "1",
        "size": "10",
        "content": f"value = {number:03d}\n",
        "license": "MIT",
    }
    return columns | changes


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    return str(path)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def read(
    source: DatasetSource, config: SourcesConfig | None = None
) -> tuple[list[Document], list[Skipped]]:
    items = list(source.read(config or SourcesConfig()))
    documents = [item for item in items if isinstance(item, Document)]
    return documents, [item for item in items if isinstance(item, Skipped)]


def test_json_lines_and_parquet_give_the_same_documents(tmp_path: Path) -> None:
    rows = [row(number) for number in range(5)]
    zipped, _ = read(DatasetSource(files=[write_jsonl(tmp_path / "a.jsonl.gz", rows)]))
    parquet, _ = read(DatasetSource(files=[write_parquet(tmp_path / "a.parquet", rows)]))
    assert zipped == parquet
    assert [(d.repo, d.path, d.licence, d.text) for d in zipped[:2]] == [
        ("owner/r0", "f0.py", "mit", "value = 000\n"),
        ("owner/r1", "f1.py", "mit", "value = 001\n"),
    ]


def test_a_limit_stops_reading_and_other_suffixes_are_left_out(tmp_path: Path) -> None:
    rows = [row(number) for number in range(5)] + [row(5, path="notes.ipynb")]
    path = write_jsonl(tmp_path / "a.json.gz", rows)
    assert len(read(DatasetSource(files=[path], limit=3))[0]) == 3
    assert len(read(DatasetSource(files=[path]))[0]) == 5


def test_rows_that_are_no_source_text_are_skipped_with_their_reason(tmp_path: Path) -> None:
    rows = [
        row(0),
        row(1, content=None),
        row(2, content="a\0b"),
        row(3, content="#" * 101),
    ]
    path = write_jsonl(tmp_path / "a.jsonl.gz", rows)
    documents, skipped = read(DatasetSource(files=[path]), SourcesConfig(max_file_bytes=100))
    assert [document.path for document in documents] == ["f0.py"]
    assert [entry.reason for entry in skipped] == ["no content", "binary", "too large"]


def test_a_repositorys_cap_holds_over_scattered_rows(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl.gz", [row(number) for number in range(8)])
    documents, skipped = read(DatasetSource(files=[path]), SourcesConfig(max_repository_bytes=24))
    assert [document.path for document in documents] == ["f0.py", "f1.py", "f2.py", "f3.py"]
    assert {entry.reason for entry in skipped} == {"over the repository's cap"}


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl.gz", [{"text": "a = 1\n"}])
    with pytest.raises(
        SourceError, match="expected the columns repo_name, path, content, found text"
    ):
        read(DatasetSource(files=[path]))


def test_files_that_are_missing_of_another_form_or_cut_off_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("no\n")
    whole = Path(write_jsonl(tmp_path / "a.jsonl.gz", [row(number) for number in range(2000)]))
    (tmp_path / "cut.jsonl.gz").write_bytes(whole.read_bytes()[:2000])
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    expected = {
        "nowhere.jsonl": "expected a file in",
        "a.csv": "expected a file in",
        "cut.jsonl.gz": "cannot be read to its end",
        "bad.parquet": "cannot be read to its end",
    }
    for name, message in expected.items():
        with pytest.raises(SourceError, match=message) as caught:
            read(DatasetSource(files=[str(tmp_path / name)]))
        assert "\n" not in str(caught.value)


def test_a_name_on_the_hub_without_a_network_is_one_line() -> None:
    subprocess.run(
        [sys.executable, "-c", OFFLINE], check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}
    )
