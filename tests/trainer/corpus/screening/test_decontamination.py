"""Evaluation text is recognised in a corpus, on numbers worked by hand."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.corpus.screening.benchmark_texts import read_problems
from trainer.corpus.screening.decontamination import (
    Found,
    Windows,
    read_windows,
    window_hashes,
    windows_of,
    write_windows,
)
from trainer.errors import CorpusError

LINES = [f"value_{number} = compute({number})" for number in range(10)]
OTHERS = [f"another_{number} = run({number:04})" for number in range(400)]
WHOLE = "\n".join(LINES)
"""A problem of seven windows."""


def test_a_window_is_four_stripped_lines_joined_by_newlines() -> None:
    text = "\n\n".join(f"    {line}  " for line in LINES[:5])
    windows = ["\n".join(LINES[:4]), "\n".join(LINES[1:5])]
    expected = [int.from_bytes(hashlib.md5(window.encode()).digest()[:8]) for window in windows]
    assert window_hashes(text).tolist() == expected


def test_lines_under_twelve_characters_are_left_out_of_windows() -> None:
    padded = "\n".join(f"{line}\n    x = 123456\n)" for line in LINES[:4])
    assert len("x = 123456") == 10
    assert window_hashes(padded).tolist() == window_hashes("\n".join(LINES[:4])).tolist()
    assert len(window_hashes("\n".join(["a" * 12] * 4))) == 1
    assert len(window_hashes("\n".join(["a" * 11] * 4))) == 0


def test_a_long_text_that_holds_a_whole_problem_holds_all_of_it() -> None:
    long = "\n".join([*OTHERS[:200], *LINES, *OTHERS[200:]])
    found = windows_of([WHOLE]).find(long)
    assert found.problem_share == 1.0
    assert found.share == pytest.approx(7 / 407)
    assert found.windows == 7


def test_the_share_is_that_of_the_problem_it_holds_most_of() -> None:
    known = windows_of([WHOLE, "\n".join(OTHERS[:10])])
    text = "\n".join([*LINES[:5], "between them = 1", *OTHERS[:6]])
    assert known.find(text).problem_share == pytest.approx(3 / 7)
    assert known.find(text).windows == 3  # and two of the other one
    assert known.find("\n".join(LINES[5:8])) == Found()


def test_a_window_that_stands_many_times_in_a_text_counts_once() -> None:
    text = "\n".join([*LINES[:4], "between them = 1"] * 9)
    found = windows_of([WHOLE]).find(text)
    assert found.windows == 1
    assert found.problem_share == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    "short",
    [
        "n = int(input())\nprint(n * 2)",
        "x\ny = 1\nz",
        f"print(sum({[*range(9)]}) % 1007)",
    ],
)
def test_a_problem_too_short_for_a_window_is_one_itself(short: str) -> None:
    known = windows_of([short])
    indented = short.replace("\n", "\n\n    ")
    around = "\n".join([*OTHERS[:50], f"    {indented}", *OTHERS[50:]])
    assert known.find(around).problem_share == 1.0
    assert known.find(around.replace(short.splitlines()[-1], "pass")) == Found()
    assert known.find(short.splitlines()[0]).problem_share == (0.0 if "\n" in short else 1.0)


def test_a_single_short_line_is_told_from_nothing() -> None:
    assert windows_of(["print(input())"]).find("print(input())") == Found()


def test_problems_that_open_alike_are_told_apart() -> None:
    known = windows_of(["x = 1\ny = 2", "x = 1\ny = 3\nz = 4"])
    assert known.find("x = 1\ny = 3\nz = 4").problem_share == 1.0
    assert known.find("x = 1\ny = 3\nz = 5") == Found()


def test_a_file_of_hashes_alone_counts_windows(tmp_path: Path) -> None:
    hashes = sorted(int(value) for value in window_hashes(WHOLE))
    (tmp_path / "older.bin").write_bytes(b"".join(value.to_bytes(8) for value in hashes))
    found = read_windows([tmp_path / "older.bin"]).find("\n".join([*OTHERS, *LINES[:8]]))
    assert found == Found(windows=5, share=5 / 405, problem_share=0.0)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(LINES), max_size=8).map("\n".join), max_size=5),
    st.lists(st.sampled_from(LINES), max_size=12).map("\n".join),
)
def test_a_written_file_knows_its_problems_windows_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, problems: list[str], text: str
) -> None:
    path = tmp_path_factory.mktemp("windows") / "known.bin"
    write_windows(problems, path)
    shares = [0.0]
    for problem in problems:
        windows = {int(value) for value in window_hashes(problem)}
        shares.append(len(windows & set(window_hashes(text).tolist())) / max(len(windows), 1))
    known = read_windows([path])
    assert known.find(text).problem_share >= max(shares)
    if all(len(window_hashes(problem)) for problem in problems):
        assert known.find(text).problem_share == pytest.approx(max(shares))


def test_several_files_of_both_forms_count_together(tmp_path: Path) -> None:
    write_windows(["\n".join(LINES[:5])], tmp_path / "a.bin")
    write_windows(["\n".join(LINES[5:]), "x = 1\ny = 2"], tmp_path / "b.bin")
    hashes = sorted(int(value) for value in window_hashes("\n".join(OTHERS[:6])))
    (tmp_path / "c.bin").write_bytes(b"".join(value.to_bytes(8) for value in hashes))
    known = read_windows(tmp_path / name for name in ("b.bin", "c.bin", "a.bin"))
    for text in ("\n".join(LINES[:5]), "\n".join(LINES[5:]), "x = 1\ny = 2"):
        assert known.find(text).problem_share == 1.0
    assert known.find("\n".join(OTHERS[:6])) == Found(3, 1.0, 0.0)
    assert read_windows([]).find(WHOLE) == Found()


@pytest.mark.parametrize("data", [b"123456789", b"\2" * 8 + b"\1" * 8, b"PK\3\4 damaged"])
def test_a_file_of_another_form_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "bad.bin").write_bytes(data)
    with pytest.raises(CorpusError, match=r"expected windows of problems, or .*bad.bin"):
        read_windows([tmp_path / "bad.bin"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot read .*nowhere.bin: No such file"):
        read_windows([tmp_path / "nowhere.bin"])


ROWS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "HumanEval": ({"prompt": "a\n", "canonical_solution": "b\n", "test": "c"}, ["a\nb\n"]),
    "infilling": ({"prompt": "a", "canonical_solution": "b", "suffix": "c"}, ["abc"]),
    "NumpyEval": ({"prompt": "a", "canonical_solution": ["b", "c"]}, ["ab", "ac"]),
    "SAFIM": (
        {"prompt": "no", "eval_prompt": "a{{completion}}c", "ground_truth": "b"},
        ["abc"],
    ),
    "CrossCodeEval": ({"prompt": "a", "groundtruth": "b", "right_context": "c"}, ["abc"]),
    "PY150": ({"input": "<s> a <EOL> b", "gt": "c"}, ["<s> a \n b c"]),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_the_problems_of_each_known_benchmark_are_put_together_whole(
    tmp_path: Path, name: str, suffix: str
) -> None:
    row, expected = ROWS[name]
    path = tmp_path / f"rows{suffix}"
    data = (json.dumps(row) + "\n").encode()
    path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    assert list(read_problems([path])) == expected


@pytest.mark.parametrize("content", ['{"code": "a"}\n', "[1]\n", "no json\n"])
def test_a_benchmark_of_another_form_is_named_and_not_left_out(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "odd.jsonl").write_text(content)
    with pytest.raises(CorpusError, match=r"odd.jsonl.*expected"):
        list(read_problems([tmp_path / "odd.jsonl"]))


def test_the_command_that_contributing_names_writes_what_dedup_reads(tmp_path: Path) -> None:
    contributing = (Path(__file__).parents[4] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    command = (
        "python -m trainer.corpus.screening.decontamination corpora/*.jsonl.gz "
        "--out corpora/decontamination.bin"
    )
    assert command in contributing
    row = {"prompt": WHOLE, "canonical_solution": ""}
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    words = [sys.executable, *command.split()[1:3], str(tmp_path / "a.jsonl.gz")]
    subprocess.run([*words, "--out", str(tmp_path / "known.bin")], check=True)
    known: Windows = read_windows([tmp_path / "known.bin"])
    assert known.find("\n".join([*OTHERS, *LINES])).problem_share == 1.0
