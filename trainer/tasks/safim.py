"""SAFIM's problems, and how their answers are judged.

Gong et al. 2024. Programs of contests read standard input and print; holes that are calls of a
library have no tests and are right where they are the truth's text.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trainer.errors import SourceError
from trainer.tasks.problems import read_rows, take

HOLE = "{{completion}}"

HARNESS = """
import io, sys
SOURCE = {source!r}
TESTS = {tests!r}
for given, accepted in TESTS:
    printed = io.BytesIO()
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
    sys.stdout = io.TextIOWrapper(printed, write_through=True)
    try:
        exec(compile(SOURCE, "solution", "exec"), {{"__name__": "__main__"}})
    except SystemExit:
        pass
    sys.stdout.flush()
    words = printed.getvalue().decode().split()
    sys.stdin, sys.stdout = sys.__stdin__, sys.__stdout__
    assert words in [text.split() for text in accepted], words[:8]
"""
"""A program that runs another on every input; white space of what it prints does not count."""


@dataclass(frozen=True, slots=True)
class SafimProblem:
    """A program with a hole, the hole's true text, and what the program prints for which input."""

    task_id: str
    prompt: str
    suffix: str
    truth: str
    tests: tuple[tuple[str, tuple[str, ...]], ...]
    """Standard input and the outputs that are right; empty where the text alone is judged."""

    @property
    def in_line(self) -> bool:
        """Whether code stands before the hole in its line: then it ends with the line."""
        return bool(self.prompt.rpartition("\n")[2].strip())

    def program(self, completion: str) -> str:
        """A program that ends without error if the completion is right."""
        if not self.tests:
            return f"assert {completion.strip()!r} == {self.truth.strip()!r}\n"
        source = self.prompt + completion + self.suffix
        return HARNESS.format(source=source, tests=list(self.tests))


def load_safim(name: str, count: int, seed: int) -> list[SafimProblem]:
    """The problems of a file; `count` of them, drawn by `seed`, 0 for all.

    Raises SourceError where there is no such file, or a row lacks a column.
    """
    return take(name, [read_problem(name, row) for row in read_rows(name)], count, seed)


def read_problem(name: str, row: Mapping[str, Any]) -> SafimProblem:
    """One row as a problem; lines end with a line feed alone."""
    try:
        before, found, after = row["eval_prompt"].replace("\r\n", "\n").partition(HOLE)
        truth, tests = row["ground_truth"].replace("\r\n", "\n"), read_tests(row["unit_tests"])
        problem = SafimProblem(str(row["task_id"]), before, after, truth, tests)
    except (KeyError, AttributeError, TypeError) as exc:
        raise SourceError(
            f"{name}: expected SAFIM's columns task_id, eval_prompt, ground_truth and unit_tests, "
            f"found a row where that fails ({exc!r}); give a file in that form"
        ) from exc
    if not found:
        raise SourceError(f"{name}: expected {HOLE} in {problem.task_id}, found none")
    return problem


def read_tests(
    tests: Iterable[Mapping[str, Any]] | str | None,
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Input and right outputs of each test; holes of calls have a word or nothing there."""
    if not tests or isinstance(tests, str):
        return ()
    return tuple((test["input"], tuple(test["output"])) for test in tests)
