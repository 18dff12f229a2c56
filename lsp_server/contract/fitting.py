"""Where a suggestion may end: what stands behind the cursor on its line must read on from there.

A suggestion closes nothing that is closed behind the cursor already, leaves nothing open that it
opened itself in the middle of a line, and repeats nothing that follows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lsp_server.contract.languages.extents import window
from lsp_server.contract.languages.lexing import Stack, kept_open, open_before, read
from lsp_server.contract.languages.profile import Blocks
from lsp_server.contract.languages.profiles import profile_of
from lsp_server.contract.prompt import CLOSERS
from lsp_server.contract.stopping import LINE_END, last_line, next_line, split

PIECES = re.compile(r"\w+|\s+|[^\w\s]")
WORDS = re.compile(r"\w+|[^\w\s]")
BRACKETS_AND_QUOTES = frozenset("()[]{}\"'`")
QUOTES = frozenset("\"'`")
LONGEST_LINE = 1_000
"""Characters of a line that are looked at on each side of the cursor: they are read again for every
end of a text. What stands open further left in a longer line is not known."""
REJOINED = 2
"""Words and marks of the rest of a line that, where a text has them in a row, repeat it."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The place of a suggestion in its line."""

    language: str
    before: Stack
    """What stands open where the line begins."""
    line: str
    """The line up to the cursor."""
    rest: str
    """The line from the cursor on, without white space at its end."""

    @property
    def is_inside(self) -> bool:
        """Whether text follows on the line."""
        return bool(self.rest)

    @property
    def is_evidence(self) -> bool:
        """Whether code follows that a person wrote, not closing marks or a comment alone."""
        row = profile_of(self.language)
        comment = any(re.match(mark, self.rest.lstrip()) for mark in row.comments)
        return any(map(is_word, self.rest)) and not comment and not self.splits_word

    @property
    def splits_word(self) -> bool:
        """Whether the cursor stands inside a name or a number."""
        return are_one_word(self.line[-1:], self.rest[:1])

    def closing(self, text: str) -> int | None:
        """Characters of a text before it closes what is closed behind the cursor; None if not."""
        return Whole(self, text).closing() if self.is_inside else None


@lru_cache(maxsize=4)
def gap_at(language: str, prefix: str, suffix: str) -> Gap:
    """The place between a prefix and a suffix."""
    near = window(language, prefix)
    line = last_line(near)
    rest = rest_of_line(suffix)[:LONGEST_LINE].rstrip()
    if len(line) > LONGEST_LINE:
        return Gap(language, (), line[-LONGEST_LINE:], rest)
    return Gap(language, open_before(language, near[: len(near) - len(line)]), line, rest)


def rest_of_line(suffix: str) -> str:
    """What stands between the cursor and the end of its line."""
    return LINE_END.split(suffix, maxsplit=1)[0]


def is_word(character: str) -> bool:
    """Whether a character belongs to a name or a number."""
    return character.isalnum() or character == "_"


def are_one_word(left: str, right: str) -> bool:
    """Whether two characters, "" for none, are of one word where they stand side by side."""
    return is_word(left) and is_word(right)


def word_start(line: str, column: int) -> int:
    """Where the word begins that ends at `column`, or that column."""
    while column and is_word(line[column - 1]):
        column -= 1
    return column


@lru_cache(maxsize=64)
def fitting_ends(gap: Gap, text: str) -> tuple[int, ...]:
    """The characters of a text that may be inserted, ascending and above 0.

    At a line's end all of them; else those after which the rest of the line reads on.
    """
    if not gap.is_inside:
        return tuple(range(1, len(text) + 1))
    if gap.splits_word:
        return ()
    line = LINE_END.split(text, maxsplit=1)[0]
    whole = Whole(gap, line)
    ends = (found.end() for found in PIECES.finditer(line))
    return tuple(end for end in ends if whole.reads_on_after(end))


def unrepeated(gap: Gap, prefix: str, suffix: str, text: str) -> int:
    """Characters of `text` that fit between `prefix` and `suffix` and do not stand behind them."""
    ends = fitting_ends(gap, text)
    return min(before_next_line(prefix, suffix, text), ends[-1] if ends else 0)


def before_next_line(prefix: str, suffix: str, text: str) -> int:
    """Characters of `text` before the line that stands right after the cursor's line already."""
    repeated = next_line(suffix)
    if not repeated or rest_of_line(suffix).strip():
        return len(text)
    cursor_line = last_line(prefix)
    for line, start, _ in split(text):
        whole = line if start else cursor_line + line
        if whole.strip() == repeated:
            return len(text[:start].rstrip("\r\n"))
    return len(text)


@lru_cache(maxsize=64)
def in_string(gap: Gap, text: str) -> tuple[bool, ...]:
    """After each number of characters of a text, from 0 on: is a string open that it opened?

    Not one of several lines, and not where what stands behind the cursor may close it.
    """
    if gap.is_inside:
        return (False,) * (len(text) + 1)
    filled, start = read(gap.language, gap.line + text, gap.before), len(gap.line)
    stacks = (filled.at(start + end) for end in range(len(text) + 1))
    return tuple(any(o.ends_with_line and o.at >= start for o in stack) for stack in stacks)


def forget_texts() -> None:
    """Keep nothing of the lines that were looked at: what may be read has changed."""
    for remembered in (gap_at, fitting_ends, in_string, open_before):
        remembered.cache_clear()


class Whole:
    """A line in whose middle a text is to be inserted."""

    def __init__(self, gap: Gap, text: str) -> None:
        self._gap = gap
        self._text = text
        self._start = len(gap.line)
        self._filled = read(gap.language, gap.line + text, gap.before)
        self._here = read(gap.language, gap.line, gap.before).stack
        """What stands open at the cursor."""
        self._kept, self._faults, self._cut = self._outcome("x" if gap.line.endswith("\\") else "")
        closes = self._kept < len(self._here)
        own = sum(opened.at >= 0 for opened in self._here[: self._kept])
        self._least = len(self._here) - own if closes else 0
        """Of that, what the text must leave open: what the rest of the line closes."""

    def closing(self) -> int | None:
        """Characters before the piece that closes what must stay open; None without one.

        Where the line is faulty, closing may mend it.
        """
        before = self._start
        for at, stack in self._filled.pieces():
            if at > self._start and kept_open(self._here, stack) < self._least:
                return None if self._faults or self._cut else before - self._start
            before = max(before, at)
        return None

    def reads_on_after(self, end: int) -> bool:
        """Whether the rest of the line reads on after so many characters of the text."""
        text, rest = self._text[:end], self._gap.rest
        if not meet(text[-1], rest[0]) or repeats(text, rest) or self._opens_twice(end):
            return False
        span = range(self._start + 1, self._start + end + 1)
        inside = (stack for at, stack in self._filled.pieces() if at in span)
        closes = any(kept_open(self._here, stack) < self._least for stack in inside)
        kept, faults, cut = self._outcome(text)
        mended = self._faults + self._cut - faults - cut
        return (
            0 <= kept <= self._kept
            and faults <= self._faults
            and cut <= self._cut
            and mended >= closes
        )

    def _opens_twice(self, end: int) -> bool:
        """Whether so much of the text has the mark that opens a block at the line's end already."""
        line, begun, mark = self._gap.line + self._text[:end], 0, self._gap.rest[-1]
        if mark != ":" or profile_of(self._gap.language).blocks is not Blocks.GRAMMAR:
            return False
        for at, stack in self._filled.pieces():
            if self._start < at <= len(line) and line[begun:at] == mark and not stack:
                return True
            begun = at
        return False

    def _outcome(self, text: str) -> tuple[int, int, bool]:
        """What of `here` is open at the end, -1 if some of the text is; faults; is a string cut?"""
        line = self._gap.line + text + self._gap.rest
        whole = read(self._gap.language, line, self._gap.before)
        added = range(self._start, self._start + len(text))
        unclosed = any(opened.at in added for opened in whole.stack)
        cut = any(opened.ends_with_line for opened in whole.stack)
        return -1 if unclosed else kept_open(self._here, whole.stack), whole.faults, cut


def meet(left: str, right: str) -> bool:
    """Whether two characters may stand side by side where something is inserted.

    Not so two halves of words, two blanks, a blank before a closing mark, and the same quote twice.
    """
    if left.isspace():
        return not right.isspace() and right not in CLOSERS
    if left in QUOTES:
        return left != right
    return not are_one_word(left, right)


def repeats(text: str, rest: str) -> bool:
    """Whether a text says what the rest of its line says again.

    It ends with words and marks that begin the rest, or has several in a row that do. Brackets and
    quotes alone say nothing: they may well come twice.
    """
    said, wanted = (WORDS.findall(part) for part in (text, rest))
    for length in range(1, min(len(said), len(wanted)) + 1):
        head, tail = wanted[:length], said[-length:]
        cut_short = length > 1 and tail[-1][0].isalnum() and head[-1].startswith(tail[-1])
        if tail[:-1] == head[:-1] and (tail[-1] == head[-1] or cut_short) and tells(tail):
            return True
    head = wanted[:REJOINED]
    runs = (said[at : at + len(head)] for at in range(len(said)))
    return (len(head) == REJOINED or head == [":"]) and tells(head) and head in runs


def tells(words: Sequence[str]) -> bool:
    """Whether there are more than brackets and quotes."""
    return not BRACKETS_AND_QUOTES.issuperset(words)
