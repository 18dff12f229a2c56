"""What code is made of while it is being written: which strings and brackets stand open, and where.

No text is refused: what does not fit is counted as a fault, and reading goes on. What a language
has of strings and comments its row of `profiles.py` says.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from lsp_server.contract.languages.profile import Quote
from lsp_server.contract.languages.profiles import profile_of

BRACKETS = {")": "(", "]": "[", "}": "{"}
CLOSING = {opener: closer for closer, opener in BRACKETS.items()}


@dataclass(frozen=True, slots=True)
class Opened:
    """A bracket, string or comment that stands open."""

    closer: str
    """What closes it; of a comment the line end."""
    at: int
    """Where it was opened, negative for earlier lines."""
    quoted: bool = False
    """A string or a comment: brackets in it are text."""
    template: bool = False
    """A string with expressions in braces."""
    spans_lines: bool = False
    escapes: bool = True
    """Whether a backslash takes the next character's meaning away."""

    @property
    def ends_with_line(self) -> bool:
        """Whether it is a string that must not reach over the line's end."""
        return self.quoted and not self.spans_lines and self.closer != "\n"


Stack = tuple[Opened, ...]
"""What stands open, the innermost last."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands open after each piece of a text."""

    ends: tuple[int, ...]
    """Where each piece ends, ascending."""
    stacks: tuple[Stack, ...]
    """What stands open there, parallel to `ends`."""
    before: Stack
    """What stood open at the text's start."""
    faults: int
    """Closing marks without their opening, strings without their end."""

    @property
    def stack(self) -> Stack:
        """What stands open at the end."""
        return self.stacks[-1] if self.stacks else self.before

    def at(self, offset: int) -> Stack:
        """What stands open at a place; in a piece, what stood open before it."""
        piece = bisect_right(self.ends, offset)
        return self.stacks[piece - 1] if piece else self.before

    def pieces(self) -> Iterator[tuple[int, Stack]]:
        """Each piece's end with what stands open there."""
        return zip(self.ends, self.stacks, strict=True)


@dataclass(frozen=True, slots=True)
class Marks:
    """A language's row as expressions to read by."""

    pieces: re.Pattern[str]
    """One piece of code; a string's group is named as in `quotes`."""
    quotes: Mapping[str, Quote]
    inside: re.Pattern[str]
    """What may matter inside a string: escapes, braces, quotes, line ends."""
    inside_plain: re.Pattern[str]
    """The same where a backslash is a character like others."""


@cache
def marks_of(language: str) -> Marks:
    """The expressions of a language."""
    row = profile_of(language)
    quotes = {f"q{number}": quote for number, quote in enumerate(row.quotes)}
    strings = "".join(f"(?P<{name}>{quote.opener})|" for name, quote in quotes.items())
    comments, odd = "|".join(row.comments) or r"(?!)", re.escape(row.odd)
    pieces = (
        rf"(?P<whole>{row.whole})|{strings}(?P<comment>(?:{comments})[^\r\n]*)|(?P<word>\w+)"
        r"|(?P<opener>[(\[{])|(?P<closer>[)\]}])|(?P<end>\r\n?|\n)"
        rf"|(?P<other>\\(?:\r\n|.|)|[^\w\s{odd}()\[\]{{}}\\]+|[{odd}]|[^\S\r\n]+)"
    )
    ends = sorted({quote.closer for quote in row.quotes}, key=len, reverse=True)
    plain = "|".join([*map(re.escape, ends), r"\r\n?|\n"])
    escaped = r"\\(?:\r\n|.|)|\{\{|\}\}|[{}]|" + plain
    return Marks(
        *(re.compile(pieces, re.DOTALL), quotes),
        *(re.compile(inside, re.DOTALL) for inside in (escaped, plain)),
    )


class Reader:
    """Reads one text."""

    def __init__(self, language: str, before: Stack) -> None:
        self._marks = marks_of(language)
        self._before = before
        self._stack = list(before)
        self._ends: list[int] = []
        self._stacks: list[Stack] = []
        self._faults = 0

    def read(self, text: str) -> Reading:
        """The reading of all of it."""
        at = 0
        while at < len(text):
            top = self._stack[-1] if self._stack else None
            at = self._read_quoted(text, at, top) if top and top.quoted else self._code(text, at)
            self._ends.append(at)
            self._stacks.append(tuple(self._stack))
        return Reading(tuple(self._ends), tuple(self._stacks), self._before, self._faults)

    def _code(self, text: str, at: int) -> int:
        """Read one piece of code; gives its end."""
        piece = self._marks.pieces.match(text, at)
        if piece is None:
            return at + 1
        kind, found = piece.lastgroup, piece[0]
        if kind == "closer":
            return self._close(found, piece.end())
        if kind == "end":
            self._end_line()
        elif kind == "opener":
            self._stack.append(Opened(CLOSING[found], at))
        elif kind == "comment":
            self._stack.append(Opened("\n", at, quoted=True, escapes=False))
        elif kind is not None and kind in self._marks.quotes:
            return self._open_string(self._marks.quotes[kind], found, at, piece.end())
        return piece.end()

    def _open_string(self, quote: Quote, found: str, at: int, end: int) -> int:
        """A quote in code opens a string, or closes the one whose braces it stands in."""
        outer = next((opened for opened in reversed(self._stack) if opened.quoted), None)
        if outer is not None and outer.closer == quote.closer == found:
            while self._stack.pop() != outer:
                self._faults += 1
            return end
        template = not quote.templates.isdisjoint(found.removesuffix(quote.closer))
        opened = Opened(quote.closer, at, True, template, quote.spans_lines, quote.escapes)
        self._stack.append(opened)
        return end

    def _close(self, closer: str, end: int) -> int:
        """A closing bracket closes the innermost of its kind in this expression, if any."""
        for depth, opened in enumerate(reversed(self._stack)):
            if opened.quoted:
                break
            if opened.closer == closer:
                del self._stack[len(self._stack) - depth - 1 :]
                self._faults += depth
                return end
        self._faults += 1
        return end

    def _read_quoted(self, text: str, at: int, top: Opened) -> int:
        """Read up to what ends or interrupts a string or comment, or that; gives its end."""
        inside = self._marks.inside if top.escapes else self._marks.inside_plain
        for found in inside.finditer(text, at):
            if matters(found[0], top):
                return found.start() if found.start() > at else self._interrupt(found[0], at, top)
        return len(text)

    def _interrupt(self, mark: str, at: int, top: Opened) -> int:
        """Take a mark that ends or interrupts a string or comment; gives its end."""
        if mark[0] in "\r\n":
            self._end_line()
        elif mark == "{":
            self._stack.append(Opened("}", at))
        else:
            self._stack.pop()
            return at + len(top.closer)
        return at + len(mark)

    def _end_line(self) -> None:
        """Close comments and strings of one line, with all that stands open in them."""
        shallow = next((n for n, o in enumerate(self._stack) if o.quoted and not o.spans_lines), -1)
        if shallow >= 0:
            self._faults += self._stack[shallow].closer != "\n"
            del self._stack[shallow:]


def matters(mark: str, top: Opened) -> bool:
    """Whether a mark ends or interrupts the string or comment that it stands in."""
    if mark[0] in "\r\n":
        return not top.spans_lines
    return mark.startswith(top.closer) or (mark == "{" and top.template)


def read(language: str, text: str, before: Stack = ()) -> Reading:
    """What stands open in a text that goes on from what stood open before."""
    return Reader(language, before).read(text)


@lru_cache(maxsize=8)
def open_before(language: str, lines: str) -> Stack:
    """What stands open after whole lines, as the line after them sees it."""
    stack = read(language, lines).stack
    return tuple(replace(opened, at=opened.at - len(lines)) for opened in stack)


def kept_open(stack: Stack, other: Sequence[Opened]) -> int:
    """How many of the outermost openings two stacks have in common."""
    pairs = enumerate(zip(stack, other, strict=False))
    shorter = min(len(stack), len(other))
    return next((at for at, (one, two) in pairs if one != two), shorter)
