"""The programs of published benchmarks, to keep them out of the corpus."""

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from trainer.errors import CorpusError

BenchmarkRow = Mapping[str, Any]


def join_solutions(row: BenchmarkRow) -> list[str]:
    """HumanEval, its infilling sets, PandasEval and NumpyEval: some have several solutions."""
    solutions = row["canonical_solution"]
    every = [solutions] if isinstance(solutions, str) else solutions
    return [row["prompt"] + solution + row.get("suffix", "") for solution in every]


def fill_hole(row: BenchmarkRow) -> list[str]:
    """SAFIM."""
    return [row["eval_prompt"].replace("{{completion}}", row["ground_truth"])]


def fill_line(row: BenchmarkRow) -> list[str]:
    """CrossCodeEval: the file with its line, without what the benchmark adds of other files."""
    return [row["prompt"] + row["groundtruth"] + row["right_context"]]


def join_lexed(row: BenchmarkRow) -> list[str]:
    """CodeXGLUE's PY150: tokens with spaces between them, line ends as `<EOL>`."""
    return [(row["input"] + " " + row["gt"]).replace("<EOL>", "\n")]


FORMS: tuple[tuple[frozenset[str], Callable[[BenchmarkRow], list[str]]], ...] = (
    (frozenset({"eval_prompt", "ground_truth"}), fill_hole),
    (frozenset({"prompt", "groundtruth", "right_context"}), fill_line),
    (frozenset({"prompt", "canonical_solution"}), join_solutions),
    (frozenset({"input", "gt"}), join_lexed),
)
"""Columns that tell a benchmark's form, and how its programs are put together."""


def read_problems(files: Iterable[Path]) -> Iterator[str]:
    """Every problem's program; CorpusError for a file or a row of a form that is not known."""
    for path in files:
        for number, row in enumerate(read_rows(path), start=1):
            whole = next((join for columns, join in FORMS if columns <= row.keys()), None)
            if whole is None:
                raise CorpusError(
                    f"{path}:{number}: expected the columns of a known benchmark, found "
                    f"{', '.join(row)}; leave the file out, or "
                    "teach trainer/corpus/screening/benchmark_texts.py"
                )
            yield from whole(row)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of JSON lines, compressed or not; CorpusError where they cannot be read."""
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            for line in file:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError("a row is no object")
                yield row
    except (OSError, ValueError, EOFError) as exc:
        raise CorpusError(f"{path}: expected JSON lines of a benchmark, found {exc}") from exc
