"""Where strings, comments and brackets of Python text begin and end, finished or not."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lsp_server.contract.languages.lexing import BRACKETS

START = re.compile(r"#|\"{3}|'{3}|\"|'|[\[\](){}]")
TEXT_END = {
    quote: re.compile(rf"(?:\\.|[^\\])*?{quote}", re.DOTALL) for quote in ('"""', "'''")
} | {quote: re.compile(rf"(?:\\.|[^\\\n])*?{quote}", re.DOTALL) for quote in ('"', "'")}
COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Piece:
    """A string, a comment or a bracket."""

    mark: str
    """What it begins with: a quote, COMMENT or the bracket."""
    start: int
    """Offset of the mark; a string's prefix stands before it."""
    end: int
    """Offset behind it; a string's includes its closing quote."""
    closed: bool = True
    """False for a string that nothing closes: on its line, if its quote is a single one."""

    @property
    def is_string(self) -> bool:
        """Neither comment nor bracket."""
        return self.mark in TEXT_END


def pieces(text: str, opened: str = "") -> Iterator[Piece]:
    """What stands in `text`, in order; `opened`: a quote that is open where it starts."""
    at = 0
    if opened:
        piece = string_from(text, opened, 0, 0)
        yield piece
        at = piece.end
    while found := START.search(text, at):
        mark = found.group()
        if mark == COMMENT:
            end = text.find("\n", found.start())
            piece = Piece(mark, found.start(), end if end >= 0 else len(text))
        elif mark in TEXT_END:
            piece = string_from(text, mark, found.start(), found.end())
        else:
            piece = Piece(mark, found.start(), found.end())
        yield piece
        at = piece.end


def string_from(text: str, quote: str, start: int, content: int) -> Piece:
    """The string that `quote` opens, whose content begins at `content`."""
    if found := TEXT_END[quote].match(text, content):
        return Piece(quote, start, found.end())
    end = text.find("\n", content) if len(quote) == 1 else -1
    return Piece(quote, start, end if end >= 0 else len(text), closed=False)


@lru_cache(maxsize=64)
def opened_before(head: str) -> str:
    """The triple quote that is open at the end of whole lines; "" where none is."""
    found = deque(pieces(head), maxlen=1)
    if not found or found[0].closed or len(found[0].mark) == 1:
        return ""
    return found[0].mark


def line_pieces(before: str) -> list[Piece]:
    """What stands in the last line of `before`; offsets count from that line's start."""
    start = before.rfind("\n") + 1
    return list(pieces(before[start:], opened_before(before[:start])))


def open_quote(before: str) -> str:
    """The quote of the string that a cursor behind `before` stands in; "" outside, COMMENT in one.

    A single quote's string is open up to its line's end.
    """
    found = line_pieces(before)
    if not found or found[-1].end != len(before) - before.rfind("\n") - 1:
        return ""
    last = found[-1]
    if last.mark == COMMENT:
        return COMMENT
    return last.mark if last.is_string and not last.closed else ""


def closing_marks(text: str) -> dict[int, int]:
    """For every bracket and quote that opens something: where what closes it stands.

    Brackets inside a string or a comment are matched there; of a triple quote, the first two
    marks count as opened and closed again.
    """
    found: dict[int, int] = {}
    stack: list[tuple[str, int]] = []
    for piece in pieces(text):
        if piece.is_string or piece.mark == COMMENT:
            found |= inner_marks(text, piece)
        else:
            match_bracket(piece.mark, piece.start, stack, found)
    return found


def closing_marks_in(text: str, start: int, end: int) -> dict[int, int]:
    """Those that open between two places of the text, by offsets from `start`."""
    return {
        opening - start: closing - start
        for opening, closing in closing_marks(text).items()
        if start <= opening < end
    }


def inner_marks(text: str, piece: Piece) -> dict[int, int]:
    """The marks of a string, and those inside a string or a comment."""
    found: dict[int, int] = {}
    stack: list[tuple[str, int]] = []
    width = len(piece.mark)
    if piece.is_string and width > 1:
        found[piece.start] = piece.start + 1
    elif piece.is_string and piece.closed:
        found[piece.start] = piece.end - 1
    quotes = []
    for at in range(piece.start + width, piece.end - (width if piece.is_string else 0)):
        if text[at] in "[](){}":
            match_bracket(text[at], at, stack, found)
        elif text[at] == '"' and piece.mark == COMMENT:
            quotes.append(at)
    return found | dict(zip(quotes[::2], quotes[1::2], strict=False))


def match_bracket(mark: str, at: int, stack: list[tuple[str, int]], found: dict[int, int]) -> None:
    """Note an opening bracket, or the one that a closing bracket closes."""
    if mark not in BRACKETS:
        stack.append((mark, at))
    elif stack and stack[-1][0] == BRACKETS[mark]:
        found[stack.pop()[1]] = at
