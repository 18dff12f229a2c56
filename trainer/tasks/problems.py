"""Programming problems with unit tests, read from files or the hub."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from trainer.errors import SourceError

COLUMNS = ("task_id", "prompt", "test", "entry_point")
FILE_ENDINGS = (".jsonl", ".jsonl.gz")

SOLUTION_ENDS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where the function that HumanEval asks for is over (Chen et al. 2021)."""


class Task(Protocol):
    """Code with a hole, and a program that tells whether a completion is right."""

    @property
    def task_id(self) -> str:
        """Name, different for each task of a set."""

    @property
    def prompt(self) -> str:
        """What stands before the hole."""

    @property
    def suffix(self) -> str:
        """What stands after it."""

    @property
    def in_line(self) -> bool:
        """Whether the hole ends with its line at the latest."""

    def program(self, completion: str) -> str:
        """A program that ends without error if the completion is right."""


AnyTask = TypeVar("AnyTask", bound=Task)


@dataclass(frozen=True, slots=True)
class Problem:
    """A program with a hole at its end, or (with a suffix) in its midst, and its tests."""

    task_id: str
    prompt: str
    suffix: str
    test: str
    entry_point: str

    @property
    def in_line(self) -> bool:
        """No: a hole of these sets may run over any lines, and only the end token ends it."""
        return False

    @property
    def origin(self) -> str:
        """The HumanEval problem it was cut from: holes in one program go together."""
        before, found, after = self.task_id.partition("HumanEval/")
        return found + after.partition("/")[0] if found else before

    def program(self, completion: str) -> str:
        """The whole program with its tests; it raises unless the completion is right."""
        return f"{self.prompt}{completion}{self.suffix}\n{self.tests}\n"

    @property
    def tests(self) -> str:
        """What the whole program is followed by: its tests, and the call that runs them."""
        return f"{self.test}\ncheck({self.entry_point})"


def end_of_solution(text: str) -> int | None:
    """Stop rule: keep what stands before the first line that begins something else."""
    found = [at for at in map(text.find, SOLUTION_ENDS) if at >= 0]
    return min(found, default=None)


def load_problems(name: str, count: int, seed: int) -> list[Problem]:
    """The problems of a file, or of the test split of a hub dataset; `count` of them, 0 for all.

    Which ones are taken depends on `seed` and their ids alone; they keep their order. Raises
    SourceError where there is no such set, or it lacks a column.
    """
    return take(name, [read_problem(name, row) for row in read_rows(name)], count, seed)


def take(name: str, problems: list[AnyTask], count: int, seed: int) -> list[AnyTask]:
    """`count` of the problems of the set `name`, 0 for all; SourceError where it has none."""
    if not problems:
        raise SourceError(f"{name}: expected problems, found none; check the file")
    if not count:
        return problems
    draws = {problem.task_id: seeded_number(seed, problem.task_id) for problem in problems}
    drawn = set(sorted(draws, key=draws.__getitem__)[:count])
    return [problem for problem in problems if problem.task_id in drawn]


def seeded_number(seed: int, *what: object) -> int:
    """A number that depends on `seed` and `what` alone: for orders, and as a sampler's seed."""
    return int.from_bytes(hashlib.sha256(repr((seed, *what)).encode()).digest()[:6], "big")


def read_problem(name: str, row: Mapping[str, Any]) -> Problem:
    """One row as a Problem."""
    missing = [column for column in COLUMNS if not isinstance(row.get(column), str)]
    if missing:
        raise SourceError(
            f"{name}: expected HumanEval's columns {', '.join(COLUMNS)} as text, found a row "
            f"without {', '.join(missing)}; give a file in that form"
        )
    suffix = row.get("suffix") or ""
    return Problem(row["task_id"], row["prompt"], suffix, row["test"], row["entry_point"])


def read_rows(name: str) -> Iterable[Mapping[str, Any]]:
    """Rows of a file where `name` is or looks like one, else of a hub dataset."""
    path = Path(name)
    if path.is_file() or name.endswith(FILE_ENDINGS):
        return read_file_rows(path)
    return read_hub_rows(name)


def read_file_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Rows of a JSONL file, compressed or not."""
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield parse_row(path, line)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as exc:
        raise SourceError(f"{path}: expected a readable JSONL file, found: {exc}") from exc


def parse_row(path: Path, line: str) -> Mapping[str, Any]:
    """One line of JSONL."""
    try:
        row = json.loads(line)
    except ValueError as exc:
        raise SourceError(f"{path}: expected JSON on each line, found {line[:60]!r}") from exc
    if not isinstance(row, dict):
        raise SourceError(f"{path}: expected an object on each line, found {line[:60]!r}")
    return row


def read_hub_rows(name: str) -> Iterable[Mapping[str, Any]]:
    """Rows of a dataset's test split, by the name `datasets.load_dataset` knows it by."""
    from datasets import load_dataset

    try:
        rows: Iterable[Mapping[str, Any]] = load_dataset(name, split="test")
    except Exception as exc:  # the library, its hub client and its file readers raise anything
        reason = str(exc).partition("\n")[0]
        raise SourceError(
            f"{name}: expected a JSONL file or a dataset on the hub with a test split, found: "
            f"{reason}; where there is no network, give a file"
        ) from exc
    return rows
