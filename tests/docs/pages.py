"""Reads the code blocks of the documentation's pages, with what a page says about running them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs"
BLOCK = re.compile(
    r"(?:<!-- (?P<how>parsed only|not run here): [^>]+ -->\n)?"
    r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
INDENTED = re.compile(r"^(?: {4}\S.*\n)(?: {4}.*\n|\n(?= {4}))*", re.MULTILINE)
ASSIGNED = re.compile(r"\w+=")
BETWEEN_COMMANDS = {"|", "||", "&&", ";", "&"}
INCLUDED = re.compile(r'^--8<-- "(?P<path>[^":]+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    text: str
    how: str
    """`parsed only` or `not run here` where a comment above says so; empty: it is run."""

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0]}"


def read_blocks() -> list[Block]:
    """The blocks of all pages, in their order, those of files that pages include too."""
    found = []
    for page in sorted(PAGES.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        texts = [text, *((ROOT / path).read_text("utf-8") for path in INCLUDED.findall(text))]
        name = str(page.relative_to(PAGES))
        found += [
            Block(name, match["language"], match["text"], match["how"] or "")
            for whole in texts
            for match in BLOCK.finditer(whole)
        ]
    return found


def read_indented_lines() -> list[tuple[str, str]]:
    """Every line of an indented block of a page that people read, with the page's path."""
    pages = [*ROOT.glob("*.md"), *PAGES.rglob("*.md")]
    pages += [*(ROOT / "editors").glob("*.md"), *(ROOT / "editors").glob("*/README.md")]
    found = []
    for page in sorted(pages):
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        for block in INDENTED.findall(text):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(str(page.relative_to(ROOT)), line.strip()) for line in lines]
    return found


def commands_of(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, from its program on; none where it is no shell's."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if word in BETWEEN_COMMANDS:
                yield words
                words = []
            elif words or not ASSIGNED.match(word):
                words.append(word)
    except ValueError:  # a quotation mark that stands alone: prose, or what a program wrote
        return
    yield words
