"""Chooses where fill-in-the-middle cuts a text.

A random span lies between two uniform places (Bavarian et al. 2022). A line span runs from a cursor
in a line to the end of that line or of one of the lines after it, which is what an editor asks for.
"""

from collections.abc import Callable

import numpy as np

MAX_LINES_AFTER = 5
"""A line span ends at most this many lines below its cursor's."""

MORE_LINES_SHARE = 0.5
"""Of line spans, the share that goes on past the cursor's own line."""

LINE_TRIES = 8
"""Lines drawn before a text is taken to have no line worth completing."""


def random_span(text: str, rng: np.random.Generator) -> tuple[int, int]:
    """Two uniform places in `text`, in order; the middle between them may be empty."""
    first, second = sorted(int(place) for place in rng.integers(0, len(text) + 1, size=2))
    return first, second


def line_span(text: str, rng: np.random.Generator) -> tuple[int, int] | None:
    """A cursor in a non-blank line, not before its first character, and where its middle ends.

    That is the end of the cursor's line or of one of the five lines after. None where no line of
    those drawn has anything but blanks.
    """
    for _ in range(LINE_TRIES):
        place = int(rng.integers(0, len(text)))
        start = text.rfind("\n", 0, place) + 1
        end = line_end(text, place)
        line = text[start:end]
        if line.strip():
            indent = len(line) - len(line.lstrip())
            cursor = int(rng.integers(start + indent, end + 1))
            return cursor, end_after(text, end, lines_after(rng))
    return None


def lines_after(rng: np.random.Generator) -> int:
    """How many lines a span takes beyond its cursor's own."""
    return int(rng.integers(1, MAX_LINES_AFTER + 1)) if rng.random() < MORE_LINES_SHARE else 0


def end_after(text: str, end: int, lines: int) -> int:
    """End of the line that is `lines` lines below the one that ends at `end`, or the text's end."""
    for _ in range(lines):
        if end == len(text):
            break
        end = line_end(text, end + 1)
    return end


def line_end(text: str, place: int) -> int:
    """Where the line of `place` ends, before its newline."""
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def heal(span: tuple[int, int], text: str, piece: Callable[[str], str]) -> tuple[int, int]:
    """The span with its cursor moved back over the unfinished piece before it, as it is served."""
    cursor, end = span
    return cursor - len(piece(text[:cursor])), end
