"""Reads the code blocks of the documentation's pages, with what a page says about running them."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs"
BLOCK = re.compile(
    r"(?:<!-- (?P<how>parsed only|not run here): [^>]+ -->\n)?"
    r"^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
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
