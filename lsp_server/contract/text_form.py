"""The form of a file's text: line ends and indentation.

What the model reads has one form, whatever the file's: every line end is \\n, and a level is four
spaces. Training, evaluation and serving write it by the same functions (`canonical.py`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from lsp_server.contract.languages.profile import Blocks
from lsp_server.contract.languages.profiles import profile_of


def with_plain_ends(text: str) -> str:
    """A text whose every line end is \\n."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


LEVEL = 4
"""Columns of a level in the canonical form."""
WIDEST = 8
"""Spaces of a level at most."""
USUAL = frozenset((2, 3, 4, 8))
"""Spaces of a level that one line may show; of others it takes more."""
FEW_LINES = 3
"""Lines that show an unusual level."""
READ_LINES, READ_CHARACTERS = 2_000, 65_536
"""Of a long text, so many from its start are looked at."""
LOOK_SHARE = 4
"""A form that is known is looked for again once one line in so many has changed."""
FEW = 256
"""A text of so many lines at most that shows no form is looked at after every change."""

BODY = re.compile(
    r"^([ \t]*)[^\s#\"'][^\n]*:[ \t]*(?:#[^\n]*)?\n(?:[ \t]*\n)*\1([ \t]+)(?=[^\s#])",
    re.MULTILINE,
)
"""A line that ends with a colon, and the further indentation of the one below it."""
BRACED = r"^([ \t]*)[^\s][^\n]*(?:{opener})[ \t]*\n(?:[ \t]*\n)*\1([ \t]+)(?=\S)(?![^\n]*:\n)"
"""The same of a line that opens a block by marks; labels stand at levels of their own."""
DEEPER = re.compile(r"^([ \t]*)[^\s#][^\n]*[^\s,(\[]\n\1([ \t]+)(?=\S)", re.MULTILINE)
"""Any line that opens no list, and the further indentation of the one below it."""


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a file writes its indentation."""

    unit: str
    """One level: a tab, or one to eight spaces."""

    @property
    def tabs(self) -> bool:
        """Whether a level is a tab."""
        return self.unit == "\t"

    def columns(self, space: str) -> int:
        """Canonical columns of white space at a line's start.

        A tab reaches the next level. Spaces behind tabs, or in a file of tabs, align: they count as
        they are. More white space never has fewer columns.
        """
        first, *parts = space.split("\t")
        width = LEVEL if self.tabs else len(self.unit)
        levels, rest = divmod(len(first), width)
        columns = levels * LEVEL + (rest * LEVEL // width if width > LEVEL else rest)
        for part in parts:
            columns = columns // LEVEL * LEVEL + LEVEL + len(part)
        return columns

    def space(self, columns: int) -> str:
        """White space of so many canonical columns; what is no whole level stays as it is."""
        levels, rest = divmod(columns, LEVEL)
        width = LEVEL if self.tabs else len(self.unit)
        return self.unit * levels + " " * (rest * width // LEVEL if width > LEVEL else rest)


CANONICAL = TextForm(" " * LEVEL)
"""The form that the model reads; a file that shows no form is taken to have it."""


@dataclass(slots=True)
class FormWatch:
    """The form of a text that is being edited.

    Once known, it is looked for again after many lines have changed: typing never turns it.
    """

    known: TextForm | None = None
    unseen: int = 0
    """Lines that have changed since it was looked for."""

    def look(self, lines: Sequence[str], language: str) -> TextForm | None:
        """The form of a text that has these lines now; None where no line shows one."""
        unknown = self.known is None and len(lines) <= FEW
        if self.unseen and (unknown or self.unseen * LOOK_SHARE >= len(lines)):
            start = with_plain_ends("".join(lines[:READ_LINES]))
            self.known, self.unseen = find_form(start, language, self.known), 0
        return self.known


def find_form(text: str, language: str, known: TextForm | None = None) -> TextForm | None:
    """The form that most lines of a text with plain line ends show; None where no line shows one.

    A form that was known stays unless another one shows more than twice as often.
    """
    start = text[:READ_CHARACTERS]
    votes = count_units(body_of(language), start) or count_units(DEEPER, start)
    if not votes:
        return known
    best = max(votes, key=lambda unit: votes[unit])
    if known is not None and votes[best] <= 2 * votes.get(known.unit, 0):
        return known
    return TextForm(best)


@cache
def body_of(language: str) -> re.Pattern[str]:
    """What finds a line that opens a block, and the further indentation of the one below it."""
    row = profile_of(language)
    if row.blocks is Blocks.MARKS:
        return re.compile(BRACED.replace("{opener}", row.opener), re.MULTILINE)
    return BODY


def count_units(pattern: re.Pattern[str], text: str) -> Mapping[str, int]:
    """How often a text shows each unit."""
    votes: Counter[str] = Counter()
    for found in pattern.finditer(text):
        space = found[2]
        votes["\t" if space.startswith("\t") else space] += 1
    return {
        unit: count
        for unit, count in votes.items()
        if unit == "\t"
        or len(unit) in USUAL
        or (len(unit) <= WIDEST and unit.isspace() and "\t" not in unit and count >= FEW_LINES)
    }
