"""The context plugin `similar`: pieces of other files that resemble the text here.

They come from the open documents, the files of the same folder, and the modules that the file
imports. What is nearest stands last, next to the cursor's own file.
"""

from collections.abc import Iterator
from dataclasses import replace

from lsp_server.completion.context.chunks import ChunkIndex, words_of
from lsp_server.completion.context.imports import import_statements
from lsp_server.completion.context.modules import resolve
from lsp_server.completion.context.outline import read_module
from lsp_server.completion.context.plugin import Context, Cursor, Snippet
from lsp_server.completion.context.sticky import StickyChoice
from lsp_server.completion.context.texts import ProjectTexts, SourceText, TextsAt
from lsp_server.contract.languages.profiles import has_grammar

KIND = "similar"
LINES_ABOVE, LINES_BELOW = 10, 5
"""Around the cursor: their words are asked for."""
OWN_LINE = 3
"""How many times the words of the cursor's own line count."""
MOST_SNIPPETS = 2
MOST_BESIDE = 40
"""Files of the same folder."""


class SimilarContext:
    """Keeps an index of the files around the one that is being edited."""

    def __init__(self) -> None:
        self._texts = ProjectTexts()
        self._sticky = StickyChoice()
        self._index: ChunkIndex | None = None

    def __call__(self, cursor: Cursor, context: Context) -> Context:
        """The context with the pieces nearest to the lines around the cursor."""
        if not has_grammar(cursor.language):
            return context
        rules = cursor.snapshot.unread, cursor.snapshot.folders
        found = self._sticky.at(cursor, rules, lambda: self._choose(cursor))
        return replace(context, related=(*context.related, *found))

    def _choose(self, cursor: Cursor) -> tuple[Snippet, ...]:
        texts = self._texts.at(cursor)
        sources = tuple(dict.fromkeys(sources_around(cursor, texts)))
        if self._index is None or self._index.sources != sources:
            self._index = ChunkIndex(sources)
        hits = self._index.nearest(words_around(cursor), MOST_SNIPPETS)
        return tuple(
            Snippet(path=hit.chunk.path, text=hit.chunk.text, kind=KIND, score=hit.score)
            for hit in reversed(hits)
        )


def words_around(cursor: Cursor) -> list[str]:
    """The words of the lines around a cursor, those of its own line several times."""
    above = cursor.prefix.split("\n")[-LINES_ABOVE:]
    below = cursor.suffix.split("\n")[:LINES_BELOW]
    own = list(dict.fromkeys(words_of(above[-1])))
    around = dict.fromkeys(words_of("\n".join((*above, *below))))
    return [*around, *(own * (OWN_LINE - 1))]


def sources_around(cursor: Cursor, texts: TextsAt) -> Iterator[SourceText]:
    """Open documents, imported modules and the files of the same folder."""
    yield from texts.opened()
    items = read_module("\n".join(map(str.lstrip, import_statements(cursor)))).imports
    for item in items:
        if (found := resolve(item, texts.place, texts)) is not None:
            yield found.source
    for path in texts.beside(MOST_BESIDE):
        if (source := texts.read(path)) is not None:
            yield source
