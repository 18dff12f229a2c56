"""VS Code 1.100 with its Python extension, by their defaults.

From its documented settings and its language configuration of Python: `autoClosingBrackets` and
`autoClosingQuotes` at `languageDefined`, `autoClosingOvertype` at `auto`, `autoIndent` at `full`,
`useTabStops`, `trimAutoWhitespace`. What a suggestion inserts is neither closed nor indented.
"""

import re
from dataclasses import dataclass

from lsp_server.bench.editors import (
    BACKSPACE,
    ENTER,
    TAB,
    Caret,
    Stroke,
    indentation,
    to_last_stop,
    to_next_stop,
)
from lsp_server.bench.texts.python_text import COMMENT, line_pieces, open_quote

PAIRS = {"(": ")", "[": "]", "{": "}"}
QUOTES = "\"'`"
CLOSES_BEFORE = ";:.,=}])> \n\t"
"""A quote is closed only where one of these, or nothing, follows on the line; a bracket where one
of these or a quote does."""
PREFIXES = frozenset("rRuUfFbB")
"""Letters before a quote that begin a string; behind any other, a quote ends a word."""
HEADER = re.compile(
    r"\s*(?:(?:async\s+def|class|def|for|if|elif|while|with|except|match|case)\b.*|else|try|finally)"
    r"\s*:\s*(?:#.*)?$"
)
LEAVES = re.compile(
    r"(?:\s*(?:pass|raise\s+[^#\s][^#]*)|\s+(?:raise|break|continue|return\b.*))\s*(?:#.*)?$"
)
JOINED = re.compile(r"(?!\s+\\)[^#\n]+\\$")


@dataclass(frozen=True, slots=True)
class VisualStudioCode:
    """The rules for a file of one unit of indentation, which VS Code detects."""

    unit: str

    def press(self, caret: Caret, key: str) -> Stroke:
        """What the key does."""
        if key == ENTER:
            return self._enter(caret)
        if key == TAB:
            return Stroke(to_next_stop(caret.line_before, self.unit))
        if key == BACKSPACE:
            return Stroke(back=to_last_stop(caret.line_before, self.unit))
        if is_typed_over(caret, key):
            return Stroke(key, over=1)
        return Stroke(key, behind=closing_mark(caret, key))

    def follow(self, caret: Caret) -> str:
        """Nothing."""
        return ""

    def _enter(self, caret: Caret) -> Stroke:
        line, behind = caret.line_before, caret.line_after
        given = indentation(line)
        if not line.strip():
            return Stroke(f"\n{given}", back=len(line) if caret.given else 0)
        if re.match(r"\s*#", line) and behind:
            return Stroke(f"\n{given}# ")
        if LEAVES.match(line):
            return Stroke(f"\n{without(given, self.unit)}")
        last, first = line.rstrip()[-1], behind.lstrip()[:1]
        if last in PAIRS and first == PAIRS[last]:
            return Stroke(f"\n{given}{self.unit}", behind=f"\n{given}")
        if last in PAIRS or HEADER.match(line) or JOINED.match(line):
            return Stroke(f"\n{given}{self.unit}")
        return Stroke(f"\n{given}")


def without(given: str, unit: str) -> str:
    """The indentation, a unit less."""
    return given[: len(given) - to_last_stop(given, unit)] if given else ""


def is_typed_over(caret: Caret, key: str) -> bool:
    """Whether the key only moves over the mark that the editor has put there."""
    if not caret.closed or caret.after[:1] != key:
        return False
    return not (key in QUOTES and caret.before.endswith("\\"))


def closing_mark(caret: Caret, key: str) -> str:
    """What the editor puts behind an opening bracket or quote; "" where nothing."""
    follows = caret.line_after[:1]
    if follows and follows not in CLOSES_BEFORE + (QUOTES if key in PAIRS else ""):
        return ""
    if key in PAIRS:
        return PAIRS[key]
    if key not in QUOTES or not may_open(caret, key):
        return ""
    return key


def may_open(caret: Caret, key: str) -> bool:
    """Whether a quote opens a string here: not behind a word or a string, nor inside of one."""
    last = caret.line_before[-1:]
    prefixed = last in PREFIXES and key != "`" and last != ""
    if (last.isalnum() or last == "_") and not prefixed:
        return False
    inside = open_quote(caret.before)
    if inside == COMMENT:
        return key != "'" and not prefixed
    found = line_pieces(caret.before)
    behind_string = bool(found) and found[-1].is_string and found[-1].end == len(caret.line_before)
    return not inside and not behind_string
