"""SAFIM's holes: read from its columns, judged by what programs print or by the truth's text."""

import json
from pathlib import Path
from typing import Any

import pytest

from trainer.errors import SourceError
from trainer.tasks.safim import load_safim
from trainer.tasks.sandbox import SandboxLimits, probe_isolation, run_program
from trainer.tasks.sandbox_verdict import Verdict

SUMS = {
    "task_id": "block_0",
    "eval_prompt": "import sys\r\na, b = map(int, input().split())\r\n{{completion}}\r\nprint(c)\n",
    "ground_truth": "c = a + b",
    "unit_tests": [
        {"input": "1 2\n", "output": ["3", "3.0"]},
        {"input": "5 5\n", "output": ["10\n"]},
    ],
}
CALL = {
    "task_id": "api_0",
    "eval_prompt": "import numpy as np\nzeros = {{completion}}\n",
    "ground_truth": "np.zeros(3)",
    "unit_tests": [],
}


def write(folder: Path, *rows: dict[str, Any]) -> str:
    path = folder / "safim_python_block.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def judge(program: str) -> Verdict:
    return run_program(program, SandboxLimits(wall_seconds=20), probe_isolation()).verdict


def test_a_hole_parts_the_program_and_ends_with_its_line_only_behind_code(tmp_path: Path) -> None:
    sums, call = load_safim(write(tmp_path, SUMS, CALL), 0, 0)
    assert sums.prompt == "import sys\na, b = map(int, input().split())\n"
    assert sums.suffix == "\nprint(c)\n"
    assert (sums.in_line, call.in_line) == (False, True)


@pytest.mark.parametrize(
    ("completion", "verdict"),
    [
        ("c = a + b", Verdict.PASSED),
        ("c = float(a + b) if a < 2 else a + b", Verdict.PASSED),
        ("print(a + b); sys.exit()", Verdict.PASSED),
        ("c = a + b; print()", Verdict.PASSED),
        ("c = 3", Verdict.FAILED),
        ("c = a +", Verdict.FAILED),
        ("c = input()", Verdict.FAILED),
    ],
)
def test_a_completion_is_right_if_the_program_prints_what_every_test_wants(
    tmp_path: Path, completion: str, verdict: Verdict
) -> None:
    (sums,) = load_safim(write(tmp_path, SUMS), 0, 0)
    assert judge(sums.program(completion)) == verdict


@pytest.mark.parametrize(
    ("completion", "verdict"),
    [(" np.zeros(3)", Verdict.PASSED), ("np.zeros(4)", Verdict.FAILED), ("", Verdict.FAILED)],
)
def test_a_call_without_tests_is_right_if_it_is_the_truth(
    tmp_path: Path, completion: str, verdict: Verdict
) -> None:
    (call,) = load_safim(write(tmp_path, CALL), 0, 0)
    assert judge(call.program(completion)) == verdict


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**SUMS, "eval_prompt": "no hole"}, "expected {{completion}} in block_0"),
        ({"task_id": "x"}, "expected SAFIM's columns"),
        ({**SUMS, "unit_tests": [{"input": "1"}]}, "expected SAFIM's columns"),
        ({**SUMS, "ground_truth": None}, "expected SAFIM's columns"),
    ],
)
def test_a_row_in_another_form_is_refused(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(SourceError, match=reason.replace("{", r"\{").replace("}", r"\}")):
        load_safim(write(tmp_path, row), 0, 0)
