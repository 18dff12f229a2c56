"""Converts between offsets in a text and LSP positions, in the server's encoding.

Texts here have only newlines as line ends, as Python's text files are read; form feeds and U+2028
end no line, as LSP has it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Encoding(StrEnum):
    """The unit in which columns are counted."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


UNIT_BYTES = {Encoding.UTF8: 1, Encoding.UTF16: 2, Encoding.UTF32: 4}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a text."""

    text: str
    offset: int
    """Characters before it."""
    encoding: Encoding
    """How the server counts columns."""


def units(text: str, encoding: Encoding) -> int:
    """Length of `text` in units of the encoding."""
    if encoding is Encoding.UTF32:
        return len(text)
    return len(encoded(text, encoding)) // UNIT_BYTES[encoding]


def position_at(text: str, offset: int, encoding: Encoding) -> dict[str, int]:
    """The LSP position of the place before `text[offset]`."""
    start = text.rfind("\n", 0, offset) + 1
    line = text.count("\n", 0, start)
    return {"line": line, "character": units(text[start:offset], encoding)}


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
    if encoding is Encoding.UTF32:
        return start + min(int(position["character"]), len(line))
    width: int = position["character"] * UNIT_BYTES[encoding]
    column = encoded(line, encoding)[:width]
    return start + len(column.decode(codec(encoding), errors="ignore"))


def codec(encoding: Encoding) -> str:
    """Python's name of the encoding, without a byte order mark."""
    return encoding if encoding is Encoding.UTF8 else f"{encoding}-le"


def encoded(text: str, encoding: Encoding) -> bytes:
    """The text's bytes in the encoding."""
    return text.encode(codec(encoding), errors="surrogatepass")
