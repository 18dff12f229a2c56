"""The context plugin `imports`: signatures of what the file imports from the project.

What is named nearest to the cursor comes first.
"""

import re
from collections import OrderedDict
from dataclasses import replace

from lsp_server.completion.context.modules import Found, resolve
from lsp_server.completion.context.outline import Definition, Import, read_module
from lsp_server.completion.context.plugin import Context, Cursor, Snippet
from lsp_server.completion.context.sticky import StickyChoice
from lsp_server.completion.context.texts import ProjectTexts
from lsp_server.contract.languages.profiles import has_grammar

KIND = "imports"
STATEMENT = re.compile(
    r"^[ \t]*(?:from[ \t]+[.\w]+[ \t]+)?import\b[ \t]*(?:\([^)]*\)|[^\n]*)", re.MULTILINE
)
WORD = re.compile(r"[^\W\d]\w*")
LINES_ABOVE, LINES_BELOW = 24, 12
"""Around the cursor: names in these lines are looked up first."""
MOST_NAMES = 12
"""Imported names that are looked up."""
MOST_CHARACTERS = 2_400
"""Of all heads together."""


class ImportsContext:
    """Resolves the imports of the files that are being edited."""

    def __init__(self) -> None:
        self._texts = ProjectTexts()
        self._sticky = StickyChoice()

    def __call__(self, cursor: Cursor, context: Context) -> Context:
        """The context with the definitions that the cursor's file imports."""
        if not has_grammar(cursor.language) or not cursor.snapshot.folders:
            return context
        statements = import_statements(cursor)
        rules = cursor.snapshot.unread, cursor.snapshot.folders
        found = self._sticky.at(
            cursor, (statements, rules), lambda: self._choose(cursor, statements)
        )
        return replace(context, related=(*context.related, *found))

    def _choose(self, cursor: Cursor, statements: tuple[str, ...]) -> tuple[Snippet, ...]:
        texts = self._texts.at(cursor)
        nearness = words_around(cursor)
        items = read_module("\n".join(map(str.lstrip, statements))).imports
        used = [item for item in items if item.alias.split(".")[0] in nearness]
        used.sort(key=lambda item: nearness[item.alias.split(".")[0]])
        by_file: OrderedDict[str, list[Definition]] = OrderedDict()
        room = MOST_CHARACTERS
        for item in used[:MOST_NAMES]:
            found = resolve(item, texts.place, texts)
            if found is None:
                continue
            for definition in wanted(found, item, cursor):
                known = by_file.setdefault(found.source.path, [])
                if definition not in known and len(definition.head) <= room:
                    room -= len(definition.head)
                    known.append(definition)
        return tuple(
            Snippet(path=path, text="\n".join(item.head for item in known), kind=KIND)
            for path, known in by_file.items()
            if known
        )


def import_statements(cursor: Cursor) -> tuple[str, ...]:
    """The import statements around a cursor but for the line that is being typed."""
    above = cursor.prefix[: cursor.prefix.rfind("\n") + 1]
    below = cursor.suffix[cursor.suffix.find("\n") + 1 :] if "\n" in cursor.suffix else ""
    return tuple(found.group() for text in (above, below) for found in STATEMENT.finditer(text))


def words_around(cursor: Cursor) -> dict[str, int]:
    """Names used around the cursor, each with how many words away it stands."""
    above = STATEMENT.sub("", "\n".join(cursor.prefix.split("\n")[-LINES_ABOVE:]))
    below = STATEMENT.sub("", "\n".join(cursor.suffix.split("\n")[:LINES_BELOW]))
    nearness: dict[str, int] = {}
    for words in (reversed(WORD.findall(above)), WORD.findall(below)):
        for distance, word in enumerate(words):
            nearness[word] = min(distance, nearness.get(word, distance))
    return nearness


def wanted(found: Found, item: Import, cursor: Cursor) -> list[Definition]:
    """The definitions that an import brings into use."""
    if found.definition is not None:
        return [found.definition]
    near = cursor.prefix[-8_000:] + cursor.suffix[:4_000]
    uses = re.findall(rf"\b{re.escape(item.alias)}\.([^\W\d]\w*)", near)
    names = dict.fromkeys(reversed(uses))
    return [definition for name in names if (definition := found.module.find(name))]
