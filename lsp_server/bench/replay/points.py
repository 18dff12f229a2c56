"""Chooses cursors inside lines, and scores the suggestions made there.

The rest of the line is cut off before the server is asked; what follows on later lines stays. The
truth is that rest without blanks at its end, and the whole suggestion is held against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rapidfuzz import fuzz

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.editors import indentation
from lsp_server.bench.replay.blocks import is_code
from lsp_server.bench.texts.files import PYTHON


@dataclass(frozen=True, slots=True)
class Point:
    """A cursor in a line."""

    line: int
    """Of the file, counted from 0."""
    start: int
    """Offset of the cursor."""
    cut: str
    """The rest of the line, with the blanks at its end."""

    @property
    def truth(self) -> str:
        """What the server should offer."""
        return self.cut.rstrip()


@dataclass(frozen=True, slots=True)
class PointScore:
    """What an answer at a point is worth."""

    shown: bool
    exact: bool
    similarity: float
    """0 to 1: rapidfuzz's fuzz.ratio over 100, which is 2 * matches / both lengths; 0 where
    nothing is shown."""


def score_point(point: Point, offers: Sequence[Offer]) -> PointScore:
    """The first offer against the truth; one that rewrites what is typed is not exact."""
    if not offers:
        return PointScore(shown=False, exact=False, similarity=0.0)
    text = offers[0].text.rstrip()
    exact = text == point.truth and not offers[0].rewrites
    return PointScore(shown=True, exact=exact, similarity=fuzz.ratio(text, point.truth) / 100)


def choose_points(text: str, shortest: int, random: Random, language: str = PYTHON) -> list[Point]:
    """One point in each line that is code, in random order; at least `shortest` characters of the
    line follow it, and its indentation stands before it."""
    points = []
    offset = 0
    for number, row in enumerate(text.split("\n")):
        first, last = len(indentation(row)), len(row.rstrip()) - shortest
        if is_code(row, language) and first <= last:
            column = random.randint(first, last)
            points.append(Point(number, offset + column, row[column:]))
        offset += len(row) + 1
    random.shuffle(points)
    return points
