"""Ranks pieces of other files by their similarity to the text at the cursor (BM25)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from lsp_server.completion.context.texts import SourceText

LINES = 16
"""Of one chunk."""
MOST_CHUNKS = 2_000
WORD = re.compile(r"[^\W\d]\w{2,}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive lines of a file."""

    path: str
    first: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk and how near it is."""

    chunk: Chunk
    score: float


def words_of(text: str) -> list[str]:
    """Names in a text of three characters or more, and the parts of those in snake case."""
    found = WORD.findall(text)
    parts = [part for word in found if "_" in word for part in word.split("_") if len(part) > 2]
    return found + parts


def chunks_of(source: SourceText) -> tuple[tuple[Chunk, tuple[str, ...]], ...]:
    """The chunks of a source that have words, with them."""
    lines = source.text.splitlines(keepends=True)
    texts = (
        (first, "".join(lines[first : first + LINES])) for first in range(0, len(lines), LINES)
    )
    named = ((Chunk(source.path, first, text), tuple(words_of(text))) for first, text in texts)
    return tuple((chunk, words) for chunk, words in named if words)


class ChunkIndex:
    """BM25 over the chunks of some sources."""

    def __init__(self, sources: Sequence[SourceText]) -> None:
        from bm25s import BM25  # slow to import, and many sessions never ask for it

        self.sources = tuple(sources)
        found = list(chain.from_iterable(map(chunks_of, sources)))[:MOST_CHUNKS]
        self._chunks = [chunk for chunk, _ in found]
        self._index: Any = None
        if found:
            self._index = BM25(k1=1.2, b=0.75)
            self._index.index([list(words) for _, words in found], show_progress=False)

    def nearest(self, words: Sequence[str], most: int) -> list[Hit]:
        """The chunks nearest to some words, the nearest first; none that shares no word.

        A word that is given twice counts twice.
        """
        known = [word for word in words if word in self._vocabulary]
        if self._index is None or not known:
            return []
        scores = np.asarray(self._index.get_scores(known))
        best = np.argsort(-scores, kind="stable")[:most]
        return [Hit(self._chunks[at], float(scores[at])) for at in best if scores[at] > 0]

    @property
    def _vocabulary(self) -> dict[str, int]:
        found: dict[str, int] = self._index.vocab_dict if self._index is not None else {}
        return found
