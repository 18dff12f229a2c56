"""Neovim by its defaults for Python: `autoindent` and the Python indent script, no pairs."""

import re
from dataclasses import dataclass

from lsp_server.bench.editors import (
    BACKSPACE,
    ENTER,
    TAB,
    Caret,
    Stroke,
    indentation,
    to_last_stop,
    to_next_stop,
)
from lsp_server.bench.texts.python_text import COMMENT, open_quote, pieces
from lsp_server.contract.languages.lexing import BRACKETS

SEEN_LINES = 50
"""The script looks no further back for an open bracket."""
LEAVES = re.compile(r"\s*(?:break|continue|raise|return|pass)\b")


@dataclass(frozen=True, slots=True)
class Neovim:
    """The rules for a file of one unit of indentation, `shiftwidth`."""

    unit: str

    def press(self, caret: Caret, key: str) -> Stroke:
        """What the key does."""
        if key == ENTER:
            back = len(caret.line_before) if caret.given else 0
            return Stroke(f"\n{self._next(caret.before)}", back=back)
        if key == TAB:
            return Stroke(to_next_stop(caret.line_before, self.unit))
        if key == BACKSPACE:
            return Stroke(back=to_last_stop(caret.line_before, self.unit))
        return Stroke(key)

    def follow(self, caret: Caret) -> str:
        """Nothing."""
        return ""

    def _next(self, before: str) -> str:
        """The indentation of the line below `before`."""
        lines = before.split("\n")
        if lines[-1].endswith("\\"):
            joined = len(lines) > 1 and lines[-2].endswith("\\")
            return indentation(lines[-1]) + ("" if joined else 2 * self.unit)
        if open_quote(f"{before}\n") not in ("", COMMENT):
            return indentation(lines[-1])
        number, above = next(
            ((n, row) for n, row in reversed(list(enumerate(lines))) if row.strip()), (-1, "")
        )
        if number < 0:
            return ""
        if opened := open_brackets(lines):
            return self._in_brackets(lines, opened, number)
        start = first_line(lines[: number + 1])
        if without_comment(above).rstrip().endswith(":"):
            return indentation(start) + self.unit
        if LEAVES.match(above):
            return less(indentation(above), self.unit)
        return indentation(start if start is not above else lines[-1])

    def _in_brackets(self, lines: list[str], opened: list[tuple[int, int]], number: int) -> str:
        row, column = opened[-1]
        if column != len(lines[row]) - 1:
            given = indentation(lines[row])
            return given + " " * (column + 1 - len(given))
        if row == number:
            nested = len(opened) > 1
            return indentation(lines[row]) + (self.unit if nested else 2 * self.unit)
        return indentation(lines[number])


def open_brackets(lines: list[str]) -> list[tuple[int, int]]:
    """Row and column of each bracket that is open at the end, the innermost last."""
    seen = max(0, len(lines) - SEEN_LINES)
    text = "\n".join(lines[seen:])
    stack: list[tuple[str, int]] = []
    for piece in pieces(text):
        if piece.mark in BRACKETS.values():
            stack.append((piece.mark, piece.start))
        elif stack and stack[-1][0] == BRACKETS.get(piece.mark):
            stack.pop()
    places = []
    for _, at in stack:
        row = text.count("\n", 0, at)
        places.append((seen + row, at - text.rfind("\n", 0, at) - 1))
    return places


def first_line(lines: list[str]) -> str:
    """The line in which the brackets open that the last line stands in; else the last line."""
    opened = open_brackets(lines[:-1])
    return lines[opened[0][0]] if opened else lines[-1]


def without_comment(line: str) -> str:
    """The line up to a comment."""
    comment = next((piece.start for piece in pieces(line) if piece.mark == COMMENT), len(line))
    return line[:comment]


def less(given: str, unit: str) -> str:
    """An indentation, a unit less."""
    return given[: max(0, len(given) - len(unit))]
