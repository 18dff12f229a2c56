"""The stop rules, shared by training, evaluation and serving.

Every rule reads the text after the cursor, without the healed piece, and is monotone: once it has
an answer, more text does not change it. Training, evaluation and serving call the same functions.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

StopRule = Callable[[str], int | None]
"""Text of the completion so far -> characters to keep if it is finished, None to go on."""


TAB = 4
"""Columns of a tab, where indentations are compared."""

LINE_END = re.compile(r"\r\n?|\n")


class Shape(StrEnum):
    """How much a completion may hold."""

    LINE = "line"
    """The rest of one line."""
    BLOCK = "block"
    """Lines up to where the indentation falls below that of the block."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much to suggest."""

    shape: Shape
    indent: int = 0
    """Columns below which a line does not belong to a block."""
    closer: str = ""
    """What begins a line below that which belongs to the block and ends it: a regular expression;
    "" where there is none, or it stands there already."""


ONE_LINE = Extent(Shape.LINE)
MARKS = frozenset("()[]{};,")
"""A line of these alone repeats none: in languages with brackets, blocks within a block end so."""


def never(text: str) -> None:
    """The rule that has no answer."""


def rule_for(
    extent: Extent,
    max_lines: int = 1,
    repeated: str = "",
    closing: StopRule = never,
) -> StopRule:
    """The stop rule of an extent.

    `max_lines`: lines of a block at most. `repeated`: the `next_line` after the cursor's; a block
    ends before it repeats that. `closing`: the rule of a line that goes on behind the cursor, see
    `fitting.Gap`.
    """
    if extent.shape is Shape.LINE:
        return end_of_line if closing is never else partial(first_of, closing)

    def end(text: str) -> int | None:
        return end_of_block(text, extent, max_lines, repeated)

    return end


def end_of_line(text: str) -> int | None:
    """Keep what stands before the first line end."""
    found = LINE_END.search(text)
    return found.start() if found else None


def first_of(closing: StopRule, text: str) -> int | None:
    """Keep what stands before the first line end, and before what another rule ends at."""
    ends = [end for end in (end_of_line(text), closing(text)) if end is not None]
    return min(ends, default=None)


def end_of_block(text: str, extent: Extent, max_lines: int, repeated: str = "") -> int | None:
    """Keep whole lines until one is blank, less indented than the block, or equal to `repeated`.

    The first line is the rest of the cursor's line, so its indentation says nothing. Where the text
    opens with a line end (the body of a header that the cursor stands behind), that end is no
    blank line. A line that closes the block is kept with it.
    """
    keep, lines = 0, 0
    for line, start, end in split(text):
        complete = end < len(text)
        if start and columns(line) < extent.indent and extent.closer and line.strip():
            closes = re.match(extent.closer, line.strip()) is not None
            return (end if closes else keep) if complete else None
        if start and ends_block(line, complete, extent, repeated):
            return keep
        if not complete:
            return None
        keep = end
        lines += bool(line.strip())
        if lines >= max_lines:
            return keep
    return None


def ends_block(line: str, complete: bool, extent: Extent, repeated: str) -> bool:
    """Whether a line after the first belongs to the block no more."""
    content = line.strip()
    if not content:
        return complete
    if columns(line) < extent.indent:
        return True
    inner = bool(extent.closer) and MARKS.issuperset(content)
    return complete and content == repeated and not inner


def last_line(prefix: str) -> str:
    """The cursor's line up to the cursor."""
    return prefix[max(prefix.rfind("\n"), prefix.rfind("\r")) + 1 :]


def next_line(suffix: str) -> str:
    """The first line with text after the cursor's line, stripped; "" where there is none."""
    lines = LINE_END.split(suffix)[1:]
    return next((line.strip() for line in lines if line.strip()), "")


def split(text: str) -> list[tuple[str, int, int]]:
    """Each line with its start and its end, the line end left out."""
    starts = [0, *(found.end() for found in LINE_END.finditer(text))]
    ends = [*(found.start() for found in LINE_END.finditer(text)), len(text)]
    return [(text[start:end], start, end) for start, end in zip(starts, ends, strict=True)]


def columns(line: str) -> int:
    """Indentation of a line in columns; a tab moves on to the next multiple of four."""
    width = 0
    for character in line:
        if character == "\t":
            width += TAB - width % TAB
        elif character == " ":
            width += 1
        else:
            break
    return width
