"""What an editor adds to each key by its own defaults: closing marks, indentation."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

ENTER, TAB, BACKSPACE = "\n", "\t", "\b"


class EditorName(StrEnum):
    """The editors whose typing is known."""

    PLAIN = "plain"
    VSCODE = "vscode"
    NEOVIM = "neovim"


@dataclass(frozen=True, slots=True)
class Caret:
    """Where a key is pressed."""

    before: str
    """The document up to the cursor."""
    after: str
    """The document behind it."""
    closed: bool = False
    """Whether the editor itself put the mark right behind the cursor, and still knows."""
    given: bool = False
    """Whether the blanks before the cursor are all of its line, and the editor's own."""
    coming: str = ""
    """What the user will type next. A real editor cannot know; the idealised one looks at it."""

    @property
    def line_before(self) -> str:
        """The cursor's line up to the cursor."""
        return self.before[self.before.rfind("\n") + 1 :]

    @property
    def line_after(self) -> str:
        """The cursor's line behind the cursor."""
        return self.after.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Stroke:
    """What comes of a key: characters deleted, then text on both sides of the cursor."""

    text: str = ""
    """Before the cursor."""
    behind: str = ""
    """Behind the cursor."""
    back: int = 0
    """Characters before the cursor that are deleted first."""
    over: int = 0
    """Characters behind the cursor that the text takes the place of: typed over."""


class EditorRules(Protocol):
    """An editor's defaults for Python."""

    def press(self, caret: Caret, key: str) -> Stroke:
        """What a character, ENTER, TAB or BACKSPACE does."""
        ...

    def follow(self, caret: Caret) -> str:
        """What the editor adds behind a suggestion that was taken."""
        ...


def indentation(line: str) -> str:
    """The blanks that a line starts with."""
    return line[: len(line) - len(line.lstrip())]


def to_next_stop(line: str, unit: str) -> str:
    """What the tab key inserts behind the blanks `line`."""
    return unit if unit == "\t" else " " * (len(unit) - len(line) % len(unit))


def to_last_stop(line: str, unit: str) -> int:
    """Characters that the backspace key deletes behind `line`: among blanks, up to a stop."""
    if line.strip() or not line:
        return 1
    if line.endswith("\t"):
        return 1
    spaces = len(line) - len(line.rstrip(" "))
    return min(spaces, (len(line) - 1) % len(unit) + 1 if unit != "\t" else 1)
