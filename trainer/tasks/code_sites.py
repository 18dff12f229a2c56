"""Finds places in real code to ask a model at, with what a person wrote there.

Four kinds, of Python's alone: the body of a function that has a docstring, the code under a
comment, the rest of a line, and the missing body under a header, where the server would suggest a
block. tree-sitter finds them, so that a document that does not parse as a whole still has some.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import tree_sitter

from lsp_server.contract.languages.extents import extent_at
from lsp_server.contract.languages.syntax import parser
from lsp_server.contract.stopping import (
    LINE_END,
    Extent,
    Shape,
    columns,
    end_of_block,
    next_line,
    rule_for,
)
from trainer.tasks.cursors import SHORTEST_TRUTH, code_lines

ANY_PYTHON = "a.py"
"""Stands for the path of whatever is read here."""

SampleKind = Literal["docstring", "comment", "line", "block"]
"""What a sample asks for: a function's body, the code under a comment, a line's rest, a body."""


MAX_LINES = 12
"""Of code under a comment, and of a block: as many as the server shows."""

FEWEST_WORDS = 3
"""Of a comment that says something about the code below it."""

INDENT = re.compile(r"[ \t]*")
COMMENT_LINES = re.compile(
    r"^([ \t]*)#[^\r\n]*(?:\r\n?|\n)(?:\1#[^\r\n]*(?:\r\n?|\n))*", re.MULTILINE
)
COMMENT_LINE = re.compile(r"^[ \t]*#", re.MULTILINE)
WORD = re.compile(r"[^\W\d_]{2,}")
CODE = re.compile(
    r"[=(\[{:;]\s*$|^\s*#\s*(?:def|class|import|from|return|@)|\w\(|\w = \S", re.MULTILINE
)
NO_PROSE = re.compile(r"noqa|type:|pragma|pylint|fmt:|coding[:=]|copyright|licen[cs]e|://|#!", re.I)


@dataclass(frozen=True, slots=True)
class CodeSite:
    """A cursor in a document; `prefix + truth + suffix` is all of it where the truth closes."""

    kind: SampleKind
    prefix: str
    truth: str
    suffix: str
    opening: int
    """Where in `prefix` the function, comment or line begins that asks for the truth."""
    closes: bool = True
    """Whether it ends where a person ended it; a block ends sooner at a blank line or MAX_LINES."""


@dataclass(frozen=True, slots=True)
class Region:
    """Characters of a text that are asked for, and where what asks for them begins."""

    opening: int
    start: int
    end: int


def find_code_sites(text: str, kind: SampleKind, rng: random.Random) -> Iterator[CodeSite]:
    """The places of one kind in a text, in an order drawn from `rng`."""
    find, place = FINDERS[kind]
    regions = list(find(text))
    rng.shuffle(regions)
    for region in regions:
        if (found := place(text, region, rng)) is not None:
            yield found


def documented_bodies(text: str) -> Iterator[Region]:
    """What follows the docstring of each function that goes on after it."""
    offsets = Offsets(text)
    for node in nodes(offsets.data, "function_definition"):
        body = node.child_by_field_name("body")
        if node.has_error or body is None or len(body.named_children) < 2:
            continue
        first = body.named_children[0]
        if first.type == "expression_statement" and first.named_children[0].type == "string":
            decorated = node.parent is not None and node.parent.type == "decorated_definition"
            opening = node.parent if decorated and node.parent is not None else node
            yield offsets.region(opening.start_byte, first.end_byte, body.end_byte)


def commented_code(text: str) -> Iterator[Region]:
    """The lines of code under each comment in prose, up to a blank line or the next comment."""
    for comment in COMMENT_LINES.finditer(text):
        indent, start = columns(comment[1]), comment.end()
        below = text[start : start + 120 * MAX_LINES]
        if not is_prose(comment[0]) or not below.strip() or LINE_END.match(below.lstrip(" \t")):
            continue
        kept = end_of_block(below, Extent(Shape.BLOCK, indent), MAX_LINES)
        code = below[: len(below) if kept is None else kept]
        if (another := COMMENT_LINE.search(code)) is not None:
            code = code[: another.start()]
        code = code.rstrip()
        if code and columns(code) == indent:
            yield Region(comment.start(), start, start + len(code))


def lines_of_code(text: str) -> Iterator[Region]:
    """Each line that has enough to complete."""
    for line in code_lines(text, ANY_PYTHON):
        yield Region(line.start(), line.start(), line.end())


def block_bodies(text: str) -> Iterator[Region]:
    """The body of each compound statement, from its colon on."""
    offsets = Offsets(text)
    for node in nodes(offsets.data, "block"):
        colon = node.prev_sibling
        if colon is not None and colon.type == ":" and not node.has_error and node.named_children:
            yield offsets.region(colon.start_byte, colon.end_byte, node.end_byte)


def place_below(kind: SampleKind) -> "Placer":
    """Places the cursor on the region's first line: at its start, or after its indentation."""

    def place(text: str, region: Region, rng: random.Random) -> CodeSite | None:
        line_end = LINE_END.match(text, region.start)
        start = line_end.end() if line_end else region.start
        if start > region.opening and text[start - 1] not in "\r\n":
            return None  # something else stands behind the docstring
        indent = INDENT.match(text, start)
        at = indent.end() if indent and rng.random() < 0.5 else start
        if not text[at : region.end].strip():
            return None
        return cut(kind, text, at, region)

    return place


def place_in_line(text: str, region: Region, rng: random.Random) -> CodeSite | None:
    """A cursor anywhere in a line that leaves enough of it."""
    line = text[region.start : region.end]
    solid = [at for at, character in enumerate(line) if not character.isspace()]
    return cut("line", text, region.start + rng.randint(solid[0], solid[-SHORTEST_TRUTH]), region)


def place_at_header(text: str, region: Region, rng: random.Random) -> CodeSite | None:
    """A cursor behind a header, or on the line below it, where the server suggests a block."""
    first = re.match(r"(?:\r\n?|\n)[ \t]*", text[region.start : region.end])
    if first is None:
        return None
    at = region.start + (first.end() if rng.random() < 0.5 else 0)
    prefix, body, suffix = text[:at], text[at : region.end], text[region.end :]
    extent = extent_at("python", prefix, suffix)
    if extent.shape is not Shape.BLOCK:
        return None
    kept = rule_for(extent, MAX_LINES, next_line(suffix))(body + "\n\n\n")
    truth = body if kept is None else body[:kept]
    if not truth.strip():
        return None
    return CodeSite("block", prefix, truth, suffix, region.opening, closes=truth == body)


def cut(kind: SampleKind, text: str, at: int, region: Region) -> CodeSite:
    """The place at a cursor whose truth is the region's rest."""
    return CodeSite(kind, text[:at], text[at : region.end], text[region.end :], region.opening)


Finder = Callable[[str], Iterator[Region]]
Placer = Callable[[str, Region, random.Random], CodeSite | None]

FINDERS: dict[SampleKind, tuple[Finder, Placer]] = {
    "docstring": (documented_bodies, place_below("docstring")),
    "comment": (commented_code, place_below("comment")),
    "line": (lines_of_code, place_in_line),
    "block": (block_bodies, place_at_header),
}


def is_prose(comment: str) -> bool:
    """Whether comment lines tell something, rather than hold code or serve a tool."""
    told = len(WORD.findall(comment)) >= FEWEST_WORDS
    return told and not NO_PROSE.search(comment) and not CODE.search(comment)


class Offsets:
    """A text's bytes, as tree-sitter reads them, and its way back to characters."""

    def __init__(self, text: str) -> None:
        self.data = text.encode(errors="replace")
        self._plain = len(self.data) == len(text)

    def region(self, *places: int) -> Region:
        """A region between bytes."""
        if self._plain:
            return Region(*places)
        return Region(*(len(self.data[:place].decode()) for place in places))


def nodes(data: bytes, kind: str) -> Iterator[tree_sitter.Node]:
    """All nodes of a kind, in the order of the text."""
    waiting = [parser().parse(data).root_node]
    while waiting:
        node = waiting.pop()
        if node.type == kind:
            yield node
        waiting.extend(reversed(node.named_children))
