"""Problem sets: read from files and data sets, drawn by seed, put together as programs."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import SourceError
from trainer.tasks.problems import Problem, end_of_solution, load_problems, seeded_number

ROW = {
    "prompt": "def add(a, b):\n",
    "suffix": "",
    "canonical_solution": "    return a + b\n",
    "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
    "entry_point": "add",
}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def numbered(count: int) -> list[dict[str, Any]]:
    return [{**ROW, "task_id": f"HumanEval/{number}"} for number in range(count)]


@pytest.mark.parametrize("name", ["set.jsonl", "set.jsonl.gz", "set.json"])
def test_a_file_is_read_compressed_or_not(tmp_path: Path, name: str) -> None:
    problems = load_problems(write_rows(tmp_path / name, numbered(3)), 0, 0)
    assert [problem.task_id for problem in problems] == [f"HumanEval/{n}" for n in range(3)]


def test_a_data_set_is_read_by_the_name_the_library_knows_it_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{key: value for key, value in row.items() if key != "suffix"} for row in numbered(2)]
    folder = tmp_path / "some_humaneval"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "test-00000-of-00001.parquet")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    problems = load_problems("./some_humaneval", 0, 0)
    assert [(problem.task_id, problem.suffix) for problem in problems] == [
        ("HumanEval/0", ""),
        ("HumanEval/1", ""),
    ]


def test_a_part_is_drawn_by_seed_and_keeps_its_order(tmp_path: Path) -> None:
    name = write_rows(tmp_path / "set.jsonl", numbered(30))
    first, again, other = (
        [problem.task_id for problem in load_problems(name, 10, seed)] for seed in (1, 1, 2)
    )
    whole = [problem.task_id for problem in load_problems(name, 0, 1)]
    assert first == again != other
    assert first == [task_id for task_id in whole if task_id in set(first)]
    assert len(first) == 10


Damage = Callable[[Path], None]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_text(""), "expected problems, found none"),
        (lambda path: path.write_text("{torn\n"), "expected JSON on each line"),
        (lambda path: path.write_text("[1]\n"), "expected an object"),
        (lambda path: path.write_text('{"task_id": "a"}\n'), "without prompt, test, entry_point"),
        (lambda path: path.write_bytes(b"\xff\xfe\n"), "readable JSONL"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, damage: Damage, message: str) -> None:
    path = tmp_path / "set.jsonl"
    path.touch()
    damage(path)
    with pytest.raises(SourceError, match=message):
        load_problems(str(path), 0, 0)


def test_a_torn_archive_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl.gz"
    write_rows(path, numbered(50))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="readable JSONL"):
        load_problems(str(path), 0, 0)


def test_an_unknown_data_set_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match="no_such_set_of_problems: expected"):
        load_problems("no_such_set_of_problems", 0, 0)


def test_a_program_is_the_solution_with_its_tests() -> None:
    problem = Problem("HumanEval/0", "def f(x):\n", "    return y\n", "def check(c): ...", "f")
    assert problem.program("    y = x\n") == (
        "def f(x):\n    y = x\n    return y\n\ndef check(c): ...\ncheck(f)\n"
    )


@pytest.mark.parametrize(
    ("task_id", "origin"),
    [
        ("HumanEval/12", "HumanEval/12"),
        ("SingleLineInfilling/HumanEval/12/L3", "HumanEval/12"),
        ("PandasEval/3", "PandasEval/3"),
    ],
)
def test_holes_of_one_program_have_one_origin(task_id: str, origin: str) -> None:
    assert Problem(task_id, "", "", "", "").origin == origin


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("    return 1\n\ndef other():", "    return 1\n"),
        ("    return 1\nprint(f())\nclass A:", "    return 1"),
        ("    if x:\n        print(x)\n", None),
        ("    # inside\n    return 1\n# outside", "    # inside\n    return 1"),
    ],
)
def test_a_solution_ends_where_something_else_begins(text: str, kept: str | None) -> None:
    end = end_of_solution(text)
    assert (None if end is None else text[:end]) == kept


def test_draws_differ_by_every_part_and_never_by_the_process() -> None:
    assert seeded_number(0, "HumanEval/0", 0) == 143_106_555_335_451
    assert (
        len({seeded_number(seed, task, n) for seed in (0, 1) for task in "ab" for n in (0, 1)}) == 8
    )
