"""A record is there whole or as it was, and nothing in the trainer is written in another way."""

import ast
import os
from pathlib import Path

import pytest

import trainer
from lsp_server.contract.records import write_record, write_whole


def test_a_writer_that_fails_midway_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "report.json"
    write_record(record, {"documents": 1})
    before = record.read_bytes()

    def fail(_descriptor: int) -> None:
        raise OSError("the power went")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="the power went"):
        write_record(record, {"documents": 2})

    assert record.read_bytes() == before


def test_line_ends_are_written_as_they_are(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "one\r\ntwo\n")
    assert (tmp_path / "a").read_bytes() == b"one\r\ntwo\n"


@pytest.mark.parametrize(
    "module", sorted(Path(trainer.__file__).parent.glob("*.py")), ids=lambda path: path.stem
)
def test_no_module_writes_a_text_file_at_one_go_but_records(module: Path) -> None:
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert "write_text" not in called
