"""Follows positions and spans through edits of a text.

Places are line and column in code points, as documents count them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.contract.text_form import with_plain_ends

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")

Point = tuple[int, int]
"""Line and column, from 0 on."""


@dataclass(frozen=True, slots=True)
class TextEdit:
    """A piece of text that gave way to another; the places are those before it did."""

    start: Point
    end: Point
    removed: str
    text: str

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not self.removed and not self.text


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a document, without the character at `end`."""

    start: Point
    end: Point

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of it."""
        return self.start >= self.end


def trim(edit: TextEdit) -> TextEdit:
    """The same change without what stays as it is at its ends."""
    removed, text = edit.removed, edit.text
    if not removed or not text:
        return edit
    head = common_prefix(removed, text)
    removed, text = removed[head:], text[head:]
    tail = common_prefix(removed[::-1], text[::-1])
    removed, text = removed[: len(removed) - tail], text[: len(text) - tail]
    start = advance(edit.start, edit.removed[:head])
    return TextEdit(start, advance(start, removed), removed, text)


def common_prefix(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def advance(point: Point, text: str) -> Point:
    """Where a text ends that begins at a place."""
    line, column = point
    if "\r" in text:
        text = with_plain_ends(text)
    ends = text.count("\n")
    return (line + ends, len(text) - text.rindex("\n") - 1) if ends else (line, column + len(text))


def split_lines(text: str) -> list[str]:
    """Lines with their line ends, and what follows the last line end, which may be empty."""
    if "\r" not in text:
        pieces = text.split("\n")
        return [*(piece + "\n" for piece in pieces[:-1]), pieces[-1]]
    lines = LINE.findall(text)
    return [*lines, text[sum(map(len, lines)) :]]


def content(line: str) -> str:
    """A line without its line end."""
    if line.endswith("\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(("\n", "\r")) else line


def move(point: Point, edit: TextEdit) -> Point:
    """Where a place at or after an edit's end lies once it is done."""
    line, column = advance(edit.start, edit.text)
    if point[0] == edit.end[0]:
        return line, column + point[1] - edit.end[1]
    return point[0] + line - edit.end[0], point[1]


def follow(span: Span, edit: TextEdit) -> Span:
    """A span after an edit; what is put at either of its ends is not in it, what replaces is."""
    if edit.start >= span.end:
        return span
    if edit.end <= span.start:
        return Span(move(span.start, edit), move(span.end, edit))
    return Span(min(span.start, edit.start), move(max(span.end, edit.end), edit))


def text_at(lines: Sequence[str], point: Point, characters: int) -> str:
    """At most so many characters from a place on, every line end as \\n."""
    line, column = point
    parts: list[str] = []
    size = 0
    while line < len(lines) and size < characters:
        part = lines[line][column : column + characters]
        parts.append(part)
        size += len(part) - part.endswith("\r\n")
        line, column = line + 1, 0
    text = "".join(parts)
    return (with_plain_ends(text) if "\r" in text else text)[:characters]


def text_of(lines: Sequence[str], span: Span, characters: int) -> str:
    """A span's text, at most so many characters of it, every line end as \\n."""
    (first, start), (last, end) = span.start, span.end
    parts = list(lines[first : last + 1])
    if span.is_empty or not parts:
        return ""
    if len(parts) == last - first + 1:
        parts[-1] = parts[-1][:end]
    parts[0] = parts[0][start:]
    return with_plain_ends("".join(parts)[: 2 * characters])[:characters]
