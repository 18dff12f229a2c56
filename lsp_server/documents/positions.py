"""Positions as the protocol counts them: lines, and code units of an encoding from a line's start.

The one codec of the server, of the measuring client and of the tests.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

ASTRAL = re.compile("[\U00010000-\U0010ffff]")


class Encoding(StrEnum):
    """Code units that positions count."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


@dataclass(frozen=True, slots=True)
class Position:
    """A place as the editor counts it: line, and code units from the line's start."""

    line: int
    character: int


def column_of(line: str, units: int, encoding: Encoding) -> int:
    """Code points before `units` code units; a place inside a character is moved to its start."""
    units = max(units, 0)
    if encoding is Encoding.UTF32 or line.isascii():
        return min(units, len(line))
    if encoding is Encoding.UTF8:
        return column_of_utf8(line, units)
    if not count_astral(line[:units]):
        return min(units, len(line))
    for before, pair in enumerate(ASTRAL.finditer(line)):
        if pair.start() + before + 2 > units:
            return min(units - before, pair.start())
    return min(units - count_astral(line), len(line))


def column_of_utf8(line: str, units: int) -> int:
    """Code points before `units` bytes; a place inside a character is the character's start."""
    encoded = line[: units + 1].encode(errors="surrogatepass")
    while 0 < units < len(encoded) and encoded[units] & 0xC0 == 0x80:
        units -= 1
    return len(encoded[:units].decode(errors="surrogatepass"))


def units_of(text: str, encoding: Encoding) -> int:
    """Code units of a text."""
    if encoding is Encoding.UTF32 or text.isascii():
        return len(text)
    if encoding is Encoding.UTF8:
        return len(text.encode(errors="surrogatepass"))
    return len(text) + count_astral(text)


def count_astral(text: str) -> int:
    """Characters that UTF-16 writes as a surrogate pair."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2 - len(text)
