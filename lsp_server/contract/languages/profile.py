"""What is known of a language: marks of comments, strings and blocks, names of files."""

from dataclasses import dataclass
from enum import Enum

NOTHING = r"(?!)"
"""An expression that finds nothing."""


class Blocks(Enum):
    """What makes a block."""

    NONE = "none"
    GRAMMAR = "grammar"
    """Indentation, as a parser reads it (`syntax.py`); statements stand at open levels alone."""
    INDENTATION = "indentation"
    """Lines that stand deeper than the one that opens it."""
    MARKS = "marks"
    """What stands between an opening and a closing mark."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A kind of string, or a comment with an end of its own."""

    opener: str
    """A regular expression."""
    closer: str
    spans_lines: bool = False
    escapes: bool = True
    """Whether a backslash takes the next character's meaning away."""
    templates: frozenset[str] = frozenset()
    """Characters before the opening mark that make a string with expressions in braces."""
    comment: bool = False
    """Whether it is a comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One language."""

    suffixes: tuple[str, ...] = ()
    """Ends of its files' names."""
    names: tuple[str, ...] = ()
    """Whole names of its files."""
    comments: tuple[str, ...] = ()
    """What begins a comment that ends with its line; regular expressions."""
    quotes: tuple[Quote, ...] = ()
    whole: str = NOTHING
    """What is read as one piece though it has marks in it; a regular expression."""
    odd: str = "\"'`#/<-"
    """Marks that a string or comment may begin with: each is a piece of its own."""
    blocks: Blocks = Blocks.NONE
    opener: str = NOTHING
    """What ends a line that opens a block; a regular expression."""
    closer: str = ""
    """What begins the line that closes one, which belongs to it; a regular expression."""
    shares_level: str = NOTHING
    """What begins a line of a block that stands no deeper than the line that opens it."""
    top: str = r"^[^\s)\]}#/*-]"
    """What begins a line at the margin that reading may begin at."""
    tests: str = r"(^|/)(tests?|testing|specs?|fixtures)/"
    """What finds, in a file's path, that it tests or configures; a regular expression."""
    foreign: str = r"(^|/)(vendor|third_party|node_modules)/"
    """What finds, in a file's path, that nobody wrote it here, or that it declares alone: such a
    file is not learned from."""
    together: tuple[str, ...] = ()
    """Ids of languages that it is learned with, itself the first; alone where none is named."""
