"""What is open where a line begins, found line by line: blocks, brackets, a string of Python.

Columns are those of the canonical form (`text_form.py`); what the file itself has written there
stands beside them, so that a line can be put where the file has its like.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from lsp_server.contract.text_form import LEVEL, TextForm

PLAIN = r"""[^()\[\]{}"'\#\\]++|"[^"\\]++"(?!")|'[^'\\]++'(?!')"""
"""Text without special characters, or a short string with something in it and no escapes."""
CALL = rf"[(\[{{](?:{PLAIN}|[(\[{{](?:{PLAIN})*+[)\]}}])*+[)\]}}]"
CLOSED = re.compile(rf"(?:{PLAIN}|{CALL})*+")
"""Most lines: what they open they close, one bracket within another at most."""
TOKEN = re.compile(
    r"""(?P<comment>\#.*)"""
    r'''|(?P<triple>"""|\'\'\')'''
    r"""|(?P<quote>["'])"""
    r"""|(?P<open>[(\[{])"""
    r"""|(?P<close>[)\]}])"""
    r"""|(?P<on>\\\Z)"""
)
END = {
    '"': re.compile(r'(?:[^"\\]|\\.)*"', re.S),
    "'": re.compile(r"(?:[^'\\]|\\.)*'", re.S),
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*"""', re.S),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*'''", re.S),
}
"""The rest of a string, its end included."""
STATEMENT = re.compile(r"(?:def|class|return|import|while|with|try|async def)\b")
"""No line inside brackets begins so: the bracket was never closed."""


DEEPEST = 2
"""Levels by which a line may be deeper than the statement before it."""


class Logical(Enum):
    """What the last whole statement asks of the next."""

    PLAIN = "plain"
    HEADER = "header"
    """A block one level deeper."""
    DECORATOR = "decorator"
    """A statement at the same level."""


@dataclass(frozen=True, slots=True)
class Level:
    """An indentation: its canonical columns, and how the file writes it."""

    column: int
    own: str


MARGIN = Level(0, "")


@dataclass(frozen=True, slots=True)
class Bracket:
    """A bracket that is open."""

    line: Level
    """Of the line that opens it."""
    behind: int
    """Characters of that line up to and with the bracket, without its indentation."""
    aligns: bool
    """Whether text follows it on its line, which further lines may be aligned with."""


@dataclass(frozen=True, slots=True)
class LineState:
    """What is open where a line begins."""

    blocks: tuple[Level, ...] = (MARGIN,)
    """The margin and the blocks around the last statement, from the outside in."""
    last: Logical = Logical.PLAIN
    brackets: tuple[Bracket, ...] = ()
    string: str = ""
    """The quotes of a string that is open."""
    goes_on: bool = False
    """Whether the last line ends with a backslash."""
    decorates: bool = False
    """Whether the statement that goes on is a decorator."""
    begun: bool = False
    """Whether there was a statement."""
    flat: bool = False
    """Whether the language's lines may stand anywhere: nothing is found, columns are levels."""

    @property
    def is_free(self) -> bool:
        """Whether the line goes on with a statement or string, and may be indented in any way."""
        return bool(self.brackets or self.string or self.goes_on)

    @property
    def is_between(self) -> bool:
        """Whether the next statement may be any, at the same level."""
        return self.begun and self.last is Logical.PLAIN and not self.is_free


START, FLAT = LineState(), LineState(flat=True)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a line's content opens and closes, its indentation left out."""

    empty: bool = False
    """Whether it is blank or a comment."""
    colon: bool = False
    """Whether code ends it with a colon."""
    closes: int = 0
    """Brackets of earlier lines that it closes."""
    opens: tuple[tuple[int, bool], ...] = ()
    """Brackets it leaves open: characters up to and with each, and whether text follows."""
    string: str = ""
    goes_on: bool = False


BLANK, ORDINARY, HEADER = Facts(empty=True), Facts(), Facts(colon=True)
INSIDE = {quotes: Facts(string=quotes if len(quotes) == 3 else "") for quotes in END}


def facts_of(content: str, string: str) -> Facts:
    """What is read off a line that begins inside a string, or in none."""
    if string:
        if string not in content and content[-1:] != "\\":
            return INSIDE[string]
    else:
        if not content or content[0] == "#":
            return BLANK
        if CLOSED.fullmatch(content):
            code = content.rstrip()
            return HEADER if code.endswith(":") else ORDINARY if code else BLANK
    return LineReader(content).read(string)


class LineReader:
    """Reads one line's content from left to right."""

    def __init__(self, content: str) -> None:
        self._content = content
        self._end = len(content)
        """Of what is code."""
        self._opens: list[int] = []
        self._closes = 0
        self._goes_on = False

    def read(self, string: str) -> Facts:
        """What it opens and closes."""
        started = bool(string)
        at = self._skip(string, 0) if string else 0
        while at is not None:
            found = TOKEN.search(self._content, at)
            if found is None:
                break
            at = found.end()
            if found.lastgroup in ("triple", "quote"):
                string = found[0]
                at = self._skip(string, at)
            else:
                self._take(found)
        if at is not None or (len(string) == 1 and not self._content.endswith("\\")):
            string = ""  # a short string ends with its line
        code = self._content[: self._end].rstrip()
        return Facts(
            empty=not code and not started,
            colon=not string and code.endswith(":"),
            closes=self._closes,
            opens=tuple((place, bool(code[place:].strip())) for place in self._opens),
            string=string,
            goes_on=self._goes_on,
        )

    def _skip(self, string: str, at: int) -> int | None:
        """Where a string that is open at a place has ended; None where it has not."""
        found = END[string].match(self._content, at)
        return None if found is None else found.end()

    def _take(self, found: re.Match[str]) -> None:
        if found.lastgroup == "open":
            self._opens.append(found.end())
        elif found.lastgroup == "comment":
            self._end = found.start()
        elif found.lastgroup == "on":
            self._goes_on = True
        elif self._opens:
            self._opens.pop()
        else:
            self._closes += 1


def column_of(state: LineState, space: str, form: TextForm) -> int:
    """The canonical column of a line that the file indents so.

    Inside a bracket it counts from the line that opens it, or from the bracket itself where the
    line is aligned with what stands behind that.
    """
    if not space or form.tabs or "\t" in space or state.flat:
        return form.columns(space)
    width = len(space)
    if state.string or not state.brackets:
        return column_by_level(state, width, form)
    bracket = state.brackets[-1]
    base, offset = bracket.line, width - len(bracket.line.own)
    if "\t" in base.own or offset < 0:
        return form.columns(space)
    levels, rest = divmod(offset, len(form.unit))
    aligned = rest or (bracket.aligns and offset == bracket.behind)
    return base.column + (offset if aligned else levels * LEVEL)


def column_by_level(state: LineState, width: int, form: TextForm) -> int:
    """The canonical column of a line with so many spaces that no bracket is open for.

    What is deeper than a block could be, but by no whole levels, is aligned with something above.
    """
    top, unit = state.blocks[-1], len(form.unit)
    deeper = width - len(top.own)
    aligned = deeper > DEEPEST * unit or (deeper > unit and deeper % unit)
    if state.string:
        aligned = deeper > 0 and deeper % unit
    if aligned and state.begun and (state.is_free or state.last is not Logical.HEADER):
        return top.column + deeper
    return form.columns(" " * width)


def own_space(state: LineState, column: int, form: TextForm) -> str:
    """How the file would indent a line to a canonical column: `column_of` backwards."""
    if state.flat:
        return form.space(column)
    for level in reversed(state.blocks):
        if level.column == column and not state.brackets:
            return level.own
    if state.brackets and not state.string:
        bracket = state.brackets[-1]
        base, offset = bracket.line, column - bracket.line.column
        aligned = offset % LEVEL or (bracket.aligns and offset == bracket.behind)
        if offset >= 0:
            return base.own + (" " * offset if aligned else form.space(offset))
    above = [level for level in state.blocks if level.column <= column][-1]
    deeper = column - above.column
    aligned = deeper % LEVEL or (state.goes_on and deeper > DEEPEST * LEVEL)
    return above.own + (" " * deeper if aligned else form.space(deeper))


def advance(state: LineState, content: str, level: Level) -> LineState:
    """What is open behind a line of this content at this indentation."""
    if state.flat:
        return state
    facts = facts_of(content, state.string)
    if facts.string and facts.string == state.string and not state.goes_on:
        return state
    if state.brackets and not state.string and STATEMENT.match(content):
        state = replace(state, brackets=(), goes_on=False)
    if (
        facts is ORDINARY
        and state.is_between
        and level.column == state.blocks[-1].column
        and content[0] != "@"
    ):
        return state  # so do most lines
    blocks, decorates = state.blocks, state.decorates
    if not state.is_free:
        if facts.empty:
            return state
        blocks, decorates = enter(state, level), content.startswith("@")
    brackets = state.brackets[: max(0, len(state.brackets) - facts.closes)]
    brackets += tuple(Bracket(level, *opened) for opened in facts.opens)
    whole = not (brackets or facts.string or facts.goes_on)
    last = state.last
    if whole:
        last = Logical.DECORATOR if decorates else Logical.PLAIN
        last = Logical.HEADER if facts.colon else last
    found = LineState(blocks, last, brackets, facts.string, facts.goes_on, decorates, begun=True)
    return state if found == state else found


def enter(state: LineState, level: Level) -> tuple[Level, ...]:
    """The blocks around a statement that begins at an indentation."""
    blocks, top = state.blocks, state.blocks[-1].column
    if level.column == top:
        return blocks
    if level.column > top:
        return (*blocks, *(() if state.begun else outer(level)), level)
    kept = tuple(block for block in blocks if block.column <= level.column)
    return kept if kept[-1].column == level.column else (*kept, level)


def outer(level: Level) -> Sequence[Level]:
    """The blocks around the first line of a text that begins in the middle of a file."""
    count = level.column // LEVEL
    if not count or len(level.own) % count:
        return ()
    size = len(level.own) // count
    return [Level(at * LEVEL, level.own[: at * size]) for at in range(1, count) if size]
