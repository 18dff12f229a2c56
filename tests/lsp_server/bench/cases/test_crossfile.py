"""`lory bench crossfile`: the same cursors with and without pieces of other files."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lsp_server.cli.bench.main import app
from lsp_server.errors import BenchError

PIECES = [
    {"retrieved_chunk": "far = 1", "filename": "far.py", "score": 1.5},
    {"retrieved_chunk": "near = 1", "filename": "near.py", "score": 20.0},
]


def write_rows(path: Path, truths: list[str]) -> None:
    """Rows as CrossCodeEval has them."""
    with gzip.open(path, "wt") as file:
        for truth in truths:
            row = {
                "prompt": "x = ",
                "groundtruth": truth,
                "right_context": "\ny\n",
                "metadata": {"file": "a.py"},
                "crossfile_context": {"text": "", "list": PIECES},
            }
            file.write(json.dumps(row) + "\n")


def test_every_choice_of_pieces_is_completed_and_scored(tmp_path: Path, small_bundle: Path) -> None:
    data, script, log = tmp_path / "rows.gz", tmp_path / "script.json", tmp_path / "log.jsonl"
    write_rows(data, ["near", "other"])
    rules = [
        {"after": "# near.py\nnear = 1\n\n\nx = ", "completion": "near"},
        {"after": "x = ", "completion": "none"},
    ]
    script.write_text(json.dumps(rules))
    options = {
        "bundle": str(small_bundle),
        "engine": "scripted",
        "engine_options.script": str(script),
        "engine_options.log": str(log),
    }
    words = [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
    result = CliRunner().invoke(
        app, ["crossfile", "--data", str(data), *words], catch_exceptions=False
    )
    assert result.exit_code == 0
    rows = [line.split("│")[1:-1] for line in result.output.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row[:3]] for row in rows] == [
        ["none", "2", "0.0%"],
        ["nearest", "2", "50.0%"],
        ["all that fit", "2", "50.0%"],
    ]
    prefixes = [json.loads(line)["prefix"] for line in log.read_text().splitlines()]
    nearest = "# near.py\nnear = 1\n\n\n"
    assert prefixes[::2] == [
        "x = ",
        nearest + "x = ",
        f"# far.py\nfar = 1\n\n\n{nearest}x = ",
    ]


@pytest.mark.parametrize("content", ["not gzipped", ""])
def test_a_file_that_holds_no_rows_is_named(tmp_path: Path, content: str) -> None:
    data = tmp_path / "rows.gz"
    data.write_bytes(content.encode() if content else gzip.compress(b""))
    with pytest.raises(BenchError, match="expected"):
        CliRunner().invoke(app, ["crossfile", "--data", str(data)], catch_exceptions=False)
