"""Rewrites Python in another form: line ends, tabs, or another number of spaces.

Rewritten are the levels of statements, the lines that hang behind an open bracket, comments and
docstrings. What is aligned keeps its distance to the line that it belongs to, and the text of other
strings stays as it is.
"""

import io
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lsp_server.bench.editors import indentation
from lsp_server.errors import BenchError

LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}
UNITS = {"tab": "\t", "2": "  ", "4": "    ", "8": " " * 8}
DEFAULT_UNIT = "    "


@dataclass(frozen=True, slots=True)
class Form:
    """How files are written."""

    eol: str = "lf"
    """A key of LINE_ENDS."""
    indent: str = ""
    """A key of UNITS; "" keeps every file's own."""

    def __post_init__(self) -> None:
        if self.eol not in LINE_ENDS or self.indent not in ("", *UNITS):
            raise BenchError(
                f"expected line ends of {', '.join(LINE_ENDS)} and indentation of "
                f"{', '.join(UNITS)}, found {self.eol!r} and {self.indent!r}"
            )

    @property
    def line_end(self) -> str:
        """What ends a line."""
        return LINE_ENDS[self.eol]

    @property
    def unit(self) -> str:
        """What a level is indented by; "" where files keep their own."""
        return UNITS[self.indent] if self.indent else ""

    @property
    def name(self) -> str:
        """What `form_of` reads; "" where nothing is rewritten."""
        return "" if self.is_as_read else f"{self.eol}-{self.indent}".rstrip("-")

    @property
    def is_as_read(self) -> bool:
        """Whether nothing is rewritten."""
        return self == Form()


def form_of(name: str) -> Form:
    """The form of a name such as `crlf-tab`; BenchError for any other text."""
    eol, _, indent = name.partition("-")
    return Form(eol, indent)


def reindent(text: str, unit: str) -> str | None:
    """The text with `unit` for each level; None where it is no Python that can be read."""
    lines = text.split("\n")
    try:
        plan = plan_lines(text)
    except (tokenize.TokenError, SyntaxError):
        return None
    return "\n".join(
        rewritten(line, anchor, unit) if anchor is not None else line
        for line, anchor in zip(lines, plan, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a line's indentation is made of."""

    base: str
    """As it stands in the file: of the statement that the line belongs to."""
    levels: int
    """Levels that `base` stands for, and those that the line hangs behind it."""
    hanging: str = ""
    """What stands for the levels that it hangs."""


def rewritten(line: str, anchor: Anchor, unit: str) -> str:
    """The line with its levels in units; what goes beyond them is alignment, and stays."""
    if not line.strip():
        return line
    given = indentation(line)
    replaced = anchor.base + anchor.hanging
    if not given.startswith(replaced):
        return line
    return unit * anchor.levels + line[len(replaced) :]


def plan_lines(text: str) -> list[Anchor | None]:
    """For each line its anchor; None for lines inside strings that are no docstrings.

    Raises tokenize.TokenError or SyntaxError for text that is no Python.
    """
    own = own_unit(text)
    lines = text.split("\n")
    plan: list[Anchor | None] = [None] * len(lines)
    for statement in statements(text):
        for row, anchor in anchors(statement, lines, own):
            plan[row] = anchor
    return plan


@dataclass(frozen=True, slots=True)
class Statement:
    """A logical line, or a comment on a line of its own."""

    tokens: Sequence[tokenize.TokenInfo]
    base: str
    """Indentation of its block."""
    level: int
    first: int
    """Rows, counted from 0; comments begin on their own."""
    last: int


def statements(text: str) -> Iterator[Statement]:
    """Every statement and comment line, in order."""
    stack = [""]
    tokens: list[tokenize.TokenInfo] = []
    comments: list[tuple[tokenize.TokenInfo, Sequence[str]]] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.INDENT:
            stack.append(token.string)
        elif token.type == tokenize.DEDENT:
            stack.pop()
        elif token.type == tokenize.COMMENT and not tokens:
            comments.append((token, tuple(stack)))
        elif token.type not in (tokenize.NL, tokenize.ENDMARKER):
            tokens.append(token)
        if token.type == tokenize.NEWLINE:
            for item, known in comments:
                yield comment_line(item, max(known, tuple(stack), key=len))
            first, last = tokens[0].start[0] - 1, token.start[0] - 1
            yield Statement(tokens, stack[-1], len(stack) - 1, first, last)
            tokens, comments = [], []
    yield from (comment_line(item, known) for item, known in comments)


def comment_line(token: tokenize.TokenInfo, stack: Sequence[str]) -> Statement:
    """A comment: of the deepest block, open before or behind it, that it reaches."""
    given = indentation(token.line)
    reached = [level for level, base in enumerate(stack) if given.startswith(base)]
    level = reached[-1]
    row = token.start[0] - 1
    return Statement([token], stack[level], level, row, row)


def anchors(statement: Statement, lines: Sequence[str], own: str) -> Iterator[tuple[int, Anchor]]:
    """The rows that the statement gives an indentation, with it."""
    base, level = statement.base, statement.level
    yield statement.first, Anchor(base, level)
    docstring = len(statement.tokens) == 2 and statement.tokens[0].type == tokenize.STRING
    within = set() if docstring else inside_strings(statement.tokens)
    hangs = hanging_rows(statement.tokens, lines)
    for row in range(statement.first + 1, statement.last + 1):
        if row in within:
            continue
        extra = indentation(lines[row]).removeprefix(base)
        hung = len(extra) // len(own) if row in hangs and len(extra) % len(own) == 0 else 0
        yield row, Anchor(base, level + hung, own * hung)


def inside_strings(tokens: Sequence[tokenize.TokenInfo]) -> set[int]:
    """Rows that begin inside a string."""
    return {
        row
        for token in tokens
        if token.type in STRINGS
        for row in range(token.start[0], token.end[0])
    }


STRINGS = tuple(
    getattr(tokenize, name) for name in ("STRING", "FSTRING_MIDDLE") if hasattr(tokenize, name)
)


def hanging_rows(tokens: Sequence[tokenize.TokenInfo], lines: Sequence[str]) -> set[int]:
    """Rows inside brackets, or closing one, whose innermost bracket ends its line."""
    rows: set[int] = set()
    stack: list[bool] = []
    seen = -1
    for token in tokens:
        row, column = token.start[0] - 1, token.start[1]
        if row != seen and stack and stack[-1]:
            rows.add(row)
        seen = token.end[0] - 1
        if token.type == tokenize.OP and token.string in "([{":
            behind = lines[row][column + 1 :].strip()
            stack.append(not behind or behind.startswith("#"))
        elif token.type == tokenize.OP and token.string in ")]}" and stack:
            stack.pop()
    return rows


def own_unit(text: str) -> str:
    """What most blocks are indented by; DEFAULT_UNIT where there is none.

    Raises tokenize.TokenError or SyntaxError for text that is no Python.
    """
    steps: Counter[str] = Counter()
    stack = [""]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.INDENT:
            steps[token.string.removeprefix(stack[-1])] += 1
            stack.append(token.string)
        elif token.type == tokenize.DEDENT:
            stack.pop()
    return max(steps, key=lambda step: steps[step], default=DEFAULT_UNIT) or DEFAULT_UNIT


def own_unit_or_none(text: str) -> str | None:
    """The same; None where the text is no Python."""
    try:
        return own_unit(text)
    except (tokenize.TokenError, SyntaxError):
        return None
