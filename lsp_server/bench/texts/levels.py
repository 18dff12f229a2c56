"""Which indentations a line of Python may have, given the blocks open before it."""

import io
import tokenize
from dataclasses import dataclass
from functools import lru_cache

from lsp_server.bench.editors import indentation
from lsp_server.bench.texts.python_text import COMMENT, pieces
from lsp_server.contract.languages.lexing import BRACKETS

TAB_COLUMNS = 8
"""Python's tab stops."""
IGNORED = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
)


@dataclass(frozen=True, slots=True)
class Levels:
    """Where a line may begin."""

    open: tuple[int, ...]
    """Columns of the blocks that are open, the innermost last."""
    deeper: bool
    """Whether the line before wants a deeper one."""


@lru_cache(maxsize=64)
def levels_before(head: str) -> Levels | None:
    """Where the line after whole lines may begin; None inside brackets, strings, joined lines."""
    stack, deeper = [0], False
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(head).readline):
            if token.type == tokenize.INDENT:
                stack.append(columns(token.string))
            elif token.type == tokenize.DEDENT and token.start[0] <= head.count("\n"):
                stack.pop()
            elif token.type == tokenize.NEWLINE:
                deeper = last == ":"
            if token.type not in IGNORED:
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        return None
    return Levels(tuple(stack), deeper)


def columns(blanks: str) -> int:
    """How far blanks reach."""
    return len(blanks.expandtabs(TAB_COLUMNS))


def has_impossible_level(levels: Levels, text: str) -> bool:
    """Whether a line with code in `text`, which begins a line, stands at a level it must not."""
    stack, deeper = list(levels.open), levels.deeper
    for line in logical_lines(text):
        if not line.strip() or line.lstrip().startswith(COMMENT):
            continue
        column = columns(indentation(line))
        if deeper:
            if column <= stack[-1]:
                return True
            stack.append(column)
        elif column not in stack:
            return True
        del stack[stack.index(column) + 1 :]
        deeper = opens_block(line)
    return False


def logical_lines(text: str) -> list[str]:
    """Lines, those joined that a bracket, a string or a backslash joins."""
    joins = set[int]()
    depth = 0
    found = list(pieces(text))
    for at, piece in enumerate(found):
        depth += (piece.mark in BRACKETS.values()) - (piece.mark in BRACKETS)
        if piece.is_string:
            joins.update(range(piece.start, piece.end))
        if depth > 0:
            reach = found[at + 1].start if at + 1 < len(found) else len(text)
            joins.update(range(piece.start, reach))
    lines, start = [], 0
    for at, character in enumerate(text):
        if character == "\n" and at not in joins and text[at - 1 : at] != "\\":
            lines.append(text[start:at])
            start = at + 1
    return [*lines, text[start:]]


def opens_block(line: str) -> bool:
    """Whether the line ends in a colon, behind which a comment may stand."""
    end = len(line)
    for piece in pieces(line):
        if piece.mark == COMMENT:
            end = piece.start
    return line[:end].rstrip().endswith(":")
