"""Decides whether a suggestion is one line or a block.

Python is parsed (`syntax.py`); other languages are read by their row of `profiles.py`: a block is
wanted below a line that opens one, and on an empty line where a list or a call is open.
"""

import re
from collections.abc import Sequence
from functools import cache

from lsp_server.contract.languages.lexing import Stack, read
from lsp_server.contract.languages.profile import Blocks, Profile
from lsp_server.contract.languages.profiles import profile_of
from lsp_server.contract.languages.syntax import block_by_grammar
from lsp_server.contract.stopping import LINE_END, ONE_LINE, Extent, Shape, columns, last_line

WINDOW_LINES = 200
LISTS = frozenset(")]")
"""What closes a list or a call."""


def extent_at(language: str, prefix: str, suffix: str) -> Extent:
    """A block where a body is missing or, on an empty line, a bracket is open; else one line.

    A cursor inside a string, a comment or a line gets one line.
    """
    line, profile = last_line(prefix), profile_of(language)
    rest, *below = LINE_END.split(suffix)
    if profile.blocks is Blocks.NONE or rest.strip():
        return ONE_LINE
    near = window(language, prefix)
    if profile.blocks is Blocks.GRAMMAR:
        return block_by_grammar(near, line, below)
    stack = read(language, near).stack
    if any(opened.quoted for opened in stack):
        return ONE_LINE
    return block_by_marks(profile, near, below, stack)


def block_by_marks(profile: Profile, near: str, below: Sequence[str], stack: Stack) -> Extent:
    """The block below the cursor's line, or the last one before it, where that opens one."""
    line = last_line(near)
    header = line if line.strip() else last_line(near.rstrip())
    following = next((text for text in below if text.strip()), "")
    if expression(profile.opener).search(header.rstrip()):
        level, content = columns(header), following.strip()
        at_level = bool(following) and columns(following) == level
        shared = at_level and re.match(profile.shares_level, content)
        if shared or (following and columns(following) > level):
            return ONE_LINE
        closed = at_level and bool(profile.closer) and re.match(profile.closer, content)
        indent = level + 1 if line.strip() else max(columns(line), level + 1)
        return Extent(Shape.BLOCK, indent, "" if closed else profile.closer)
    if not line.strip() and stack and stack[-1].closer in LISTS:
        return Extent(Shape.BLOCK, columns(line))
    return ONE_LINE


@cache
def expression(opener: str) -> re.Pattern[str]:
    """What finds a mark at a line's end."""
    return re.compile(rf"(?:{opener})$")


@cache
def top_of(language: str) -> re.Pattern[str]:
    """What finds a line that reading may begin at."""
    return re.compile(profile_of(language).top, re.MULTILINE)


def window(language: str, prefix: str) -> str:
    """The last lines of a text, from a statement at the left margin on where there is one."""
    start = len(prefix)
    for _ in range(WINDOW_LINES):
        start = prefix.rfind("\n", 0, start)
        if start < 0:
            return prefix
    text = prefix[start + 1 :]
    top = top_of(language).search(text)
    return text[top.start() :] if top else text
