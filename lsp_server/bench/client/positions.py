"""Converts between offsets in a text and positions, in the encoding that a server chose.

Texts here have only newlines as line ends, as Python's text files are read.
"""

from dataclasses import dataclass
from typing import Any

from lsp_server.documents.positions import Encoding, column_of, units_of


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a text."""

    text: str
    offset: int
    """Characters before it."""
    encoding: Encoding
    """How the server counts columns."""


def position_at(text: str, offset: int, encoding: Encoding) -> dict[str, int]:
    """The LSP position of the place before `text[offset]`."""
    start = text.rfind("\n", 0, offset) + 1
    line = text.count("\n", 0, start)
    return {"line": line, "character": units_of(text[start:offset], encoding)}


def offset_at(text: str, position: Any, encoding: Encoding) -> int:
    """The offset of an LSP position; past a line's end it is the line's end, as LSP has it.

    A position inside a character is the place before that character.
    """
    start = 0
    for _ in range(position["line"]):
        newline = text.find("\n", start)
        if newline < 0:
            return len(text)
        start = newline + 1
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)]
    return start + column_of(line, int(position["character"]), encoding)
