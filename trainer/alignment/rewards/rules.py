"""Rewards by rules: parses, defined names, similarity, ending, repetition, tests.

Every rule gives partial credit: a reward that is 0 for nearly all texts teaches nothing. Where the
truth is known, no text loses anything for what the truth does too. Text that does nothing
(`no_op.py`) is worth 0 where the truth does something: it breaks no rule.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from rapidfuzz import fuzz

from lsp_server.contract.fitting import gap_at, rest_of_line, unrepeated
from lsp_server.contract.stopping import last_line, split
from lsp_server.engines import StopReason
from trainer.alignment.rewards.no_op import is_idle
from trainer.alignment.rewards.protocol import Completion
from trainer.alignment.static_analysis import analyse, grammar_errors, parsed_before, unseen_names
from trainer.errors import RewardError
from trainer.tasks.sandbox import SandboxLimits, probe_isolation, run_programs

FINISHED = (StopReason.END, StopReason.RULE)

find_isolation = cache(probe_isolation)

MARKS = re.compile(
    r"""(?:'''.*?'''|\"\"\".*?\"\"\"|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|\#[^\n]*|(['"()\[\]{}])""",
    re.DOTALL,
)
"""Whole strings, comments, and what is left: brackets, and quotes that nothing closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parses:
    """1 where the file parses with the text in place.

    Otherwise 1/2 divided by 1 + the places in the completed lines where tree-sitter's grammar
    breaks and does not with the truth. Where the file does not parse with the truth either (or
    without a text, if no truth is known), the statement at the left margin around the cursor is
    judged in its place; and where that does not, those places alone count: 1 / (1 + places).
    """

    def __call__(self, completion: Completion) -> float:
        """0..1."""
        if is_idle(completion):
            return 0.0
        prefix, text, suffix, truth = place_of(completion)
        if analyse(prefix, text, suffix, truth).parses:
            return 1.0
        credit = 1 / (1 + grammar_errors(prefix, text, suffix, truth))
        return credit / 2 if parsed_before(prefix, truth, suffix) else credit


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """1 / (1 + undefined names) in the completed lines, as pyflakes finds them.

    Names that are undefined in the file as it was do not count. A text that breaks the file is
    worth 0. Where the file does not parse with the truth either, names count that are neither
    builtin nor anywhere else in the file.
    """

    def __call__(self, completion: Completion) -> float:
        """0..1."""
        undefined = None if is_idle(completion) else find_undefined(completion)
        return 0.0 if undefined is None else 1 / (1 + len(undefined))


def find_undefined(completion: Completion) -> frozenset[str] | None:
    """The names that `Names` counts; None where the text breaks the file."""
    prefix, text, suffix, truth = place_of(completion)
    finding = analyse(prefix, text, suffix, truth)
    if finding.undefined is not None:
        return finding.undefined
    if not finding.parses and parsed_before(prefix, truth, suffix):
        return None
    return unseen_names(prefix, text, suffix, truth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """Share of the text, white space aside, that repeats nothing around it.

    A line repeats where it is one of the `lines` with text before it, its own earlier lines
    included; and so does what the filter `repeats` would cut: the line after the cursor's, and what
    already stands behind the cursor. As much as the truth repeats is free.
    """

    lines: int = 4

    def __post_init__(self) -> None:
        if self.lines < 0:
            raise RewardError(f"reward repetition: expected lines of 0 or more, found {self.lines}")

    def __call__(self, completion: Completion) -> float:
        """0..1."""
        if is_idle(completion):
            return 0.0
        free = self._repeated(completion, completion.truth)
        return 1 - max(0.0, self._repeated(completion, completion.text) - free)

    def _repeated(self, completion: Completion, text: str) -> float:
        """Share of the characters that repeat."""
        total = solid(text)
        if not total:
            return 0.0
        kept = text[: keep_before_suffix(completion, text)]
        return 1 - (solid(kept) - repeated_above(completion.prefix, kept, self.lines)) / total


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Half for ending by the end token or a stop rule, half for closing what was opened.

    The second half is divided by 1 + the brackets and quotes that the text leaves open, or closes,
    otherwise than the truth does; without a truth, by those that it opens and nothing behind the
    cursor closes.
    """

    def __call__(self, completion: Completion) -> float:
        """0..1."""
        if is_idle(completion):
            return 0.0
        line, rest = last_line(completion.prefix), rest_of_line(completion.suffix)
        written = left_open(line + completion.text + rest)
        if completion.truth:
            wanted = left_open(line + completion.truth + rest)
            off = sum(abs(a - b) for a, b in zip(written, wanted, strict=True))
        else:
            before = left_open(line + rest)
            off = sum(max(0, a - max(0, b)) for a, b in zip(written, before, strict=True))
        return 0.5 * (completion.stop in FINISHED) + 0.5 / (1 + off)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """1 for the truth, white space at the end aside; else up to `partial` for what is near it.

    `similarity`: Levenshtein ratio, as stage evaluate takes it. `prefix`: the characters that both
    begin with, as a share of the longer. Without a truth it raises: leave the part out there.
    """

    partial: float = 0.5
    by: Literal["similarity", "prefix"] = "similarity"

    def __post_init__(self) -> None:
        if not 0 <= self.partial <= 1:
            raise RewardError(f"reward match: expected partial in 0..1, found {self.partial}")
        if self.by not in ("similarity", "prefix"):
            raise RewardError(f"reward match: expected by similarity or prefix, found {self.by!r}")

    def __call__(self, completion: Completion) -> float:
        """0..1; ValueError where the truth is not known."""
        if not completion.truth:
            raise ValueError("expected a truth to compare with, found none")
        text, truth = completion.text.rstrip(), completion.truth.rstrip()
        if text == truth:
            return 1.0
        if self.by == "similarity":
            return self.partial * fuzz.ratio(text, truth) / 100
        shared = len(os.path.commonprefix([text, truth]))
        return self.partial * shared / max(len(text), len(truth))


@dataclass(frozen=True, slots=True, kw_only=True)
class PassesTests:
    """1 where the file with the text in place passes `Completion.tests` in the sandbox, else 0.

    A BatchReward: the sandbox brings processes and limits of its own. Completions without tests are
    worth 0; where all are without, it raises.
    """

    timeout_seconds: float = 5.0
    """Of one program."""
    programs: int = 2
    """Programs that run side by side."""

    def __post_init__(self) -> None:
        if self.timeout_seconds <= 0 or self.programs < 1:
            raise RewardError(
                "reward tests: expected timeout_seconds above 0 and programs of 1 or more, found "
                f"{self.timeout_seconds} and {self.programs}"
            )

    def score_all(self, completions: Sequence[Completion]) -> list[float]:
        """0 or 1 each; equal programs are run once. ValueError where no completion has tests."""
        programs = [program_of(completion) for completion in completions]
        distinct = list(dict.fromkeys(filter(None, programs)))
        if completions and not distinct:
            raise ValueError("expected completions of problems with tests, found none")
        limits = SandboxLimits(wall_seconds=self.timeout_seconds)
        outcomes = run_programs(distinct, limits, find_isolation(), self.programs)
        passed = {
            program: outcome.passed for program, outcome in zip(distinct, outcomes, strict=True)
        }
        return [float(passed.get(program, False)) for program in programs]


def program_of(completion: Completion) -> str:
    """The file with its tests; "" where there are none."""
    if not completion.tests:
        return ""
    return f"{completion.prefix}{completion.text}{completion.suffix}\n{completion.tests}\n"


def place_of(completion: Completion) -> tuple[str, str, str, str]:
    """Prefix, text, suffix and truth."""
    return completion.prefix, completion.text, completion.suffix, completion.truth


def keep_before_suffix(completion: Completion, text: str) -> int:
    """Characters of a text that the filter `repeats` would show."""
    prefix, suffix = completion.prefix, completion.suffix
    return unrepeated(gap_at("python", prefix, suffix), prefix, suffix, text)


def repeated_above(prefix: str, text: str, count: int) -> int:
    """Characters of a text in lines that are one of the `count` lines above each."""
    above, cursor_line = lines_above(prefix, count)
    repeated = 0
    for line, start, _ in split(text):
        whole = (line if start else cursor_line + line).strip()
        if count and whole in above[-count:]:
            repeated += solid(line)
        if whole:
            above.append(whole)
    return repeated


def lines_above(prefix: str, count: int) -> tuple[list[str], str]:
    """The last `count` lines with text before the cursor's, stripped, and the cursor's so far."""
    window = prefix[-400 * (count + 1) :]
    *above, cursor_line = [line for line, _, _ in split(window)]
    return [line.strip() for line in above if line.strip()][-count:] if count else [], cursor_line


def solid(text: str) -> int:
    """Characters other than white space."""
    return len("".join(text.split()))


def left_open(code: str) -> tuple[int, int]:
    """Brackets opened less brackets closed, and quotes that nothing closes (0 or 1)."""
    depth = 0
    for mark in MARKS.findall(code):
        if mark in ("'", '"'):
            return depth, 1
        depth += (mark in tuple("([{")) - (mark in tuple(")]}"))
    return depth, 0
