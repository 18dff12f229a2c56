"""Chooses the blocks of a file that the replay types.

The plain editor indents a new line as the last line that is not blank, and up to four characters
further after a colon, but never further than the next line of the file. The user types the rest of
the indentation. What the editor inserts counts neither as typed nor as saved.
"""

import re
from dataclasses import dataclass
from random import Random

from lsp_server.bench.editors import indentation
from lsp_server.bench.texts.files import PYTHON
from lsp_server.contract.languages.extents import expression
from lsp_server.contract.languages.profiles import has_grammar, profile_of

STEP_AFTER_COLON = 4
"""Characters of indentation that a colon at a line's end adds."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines of a file, without the last newline."""

    line: int
    """Of the file, counted from 0, where it starts."""
    start: int
    """Offset in the file of `text`, after what the editor indents the first line by."""
    text: str
    """What is to be typed, or inserted by suggestions and the editor."""
    automatic: frozenset[int]
    """Offsets in `text` of the characters that the editor inserts by itself."""

    @property
    def characters(self) -> int:
        """Characters that count: all but those that the editor inserts."""
        return len(self.text) - len(self.automatic)


def automatic_indentation(
    above: str, line: str, step: int = STEP_AFTER_COLON, language: str = PYTHON
) -> int:
    """Characters that the editor indents `line` by, under `above`, the last line not blank.

    `step`: what a colon at the end of `above` adds, or what else opens a block in the language.
    """
    given = indentation(above)
    step = step if opens_block(above.rstrip(), language) else 0
    wanted = indentation(line)
    if not wanted.startswith(given):
        return min(len(given), len(wanted)) if given.startswith(wanted) else 0
    return min(len(given) + step, len(wanted))


def opens_block(line: str, language: str) -> bool:
    """Whether the line below stands deeper."""
    if has_grammar(language):
        return line.endswith(":")
    return expression(profile_of(language).opener).search(line) is not None


def block_at(
    text: str, first: int, lines: int, step: int = STEP_AFTER_COLON, language: str = PYTHON
) -> Block:
    """The block of that many lines from line `first` on; `step`: as `automatic_indentation` has."""
    rows = text.split("\n")
    above = next((row for row in reversed(rows[:first]) if row.strip()), "")
    given = automatic_indentation(above, rows[first], step, language)
    start = sum(len(row) + 1 for row in rows[:first]) + given
    automatic: set[int] = set()
    position = -given
    for index, row in enumerate(rows[first : first + lines]):
        if index:
            inserted = automatic_indentation(above, row, step, language)
            automatic.update(range(position, position + inserted))
        position += len(row) + 1
        above = row if row.strip() else above
    return Block(first, start, text[start : start + position - 1], frozenset(automatic))


def is_code(line: str, language: str = PYTHON) -> bool:
    """Neither blank nor only a comment."""
    content = line.strip()
    comments = profile_of(language).comments
    return bool(content) and not any(re.match(mark, content) for mark in comments)


def choose_blocks(text: str, lines: int, random: Random, language: str = PYTHON) -> list[Block]:
    """Blocks of a file that do not overlap, in random order; each starts with a line not blank and
    holds code."""
    rows = text.removesuffix("\n").split("\n")
    starts = [
        first
        for first in range(len(rows) - lines + 1)
        if rows[first].strip()
        and any(is_code(row, language) for row in rows[first : first + lines])
    ]
    random.shuffle(starts)
    chosen: list[int] = []
    for first in starts:
        if all(abs(first - other) >= lines for other in chosen):
            chosen.append(first)
    return [block_at(text, first, lines, language=language) for first in chosen]
