"""Keeps the chosen snippets while the user types, so that the prompt changes little.

The engine reads the prompt again from the first changed token on. A choice of snippets therefore
stays until the cursor moves elsewhere, or until something that it was made from changes.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from lsp_server.completion.context.plugin import Cursor, Snippet

SAME_PLACE = 24
"""Lines that the cursor may go from where the choice was made."""
DOCUMENTS = 16

Choose = Callable[[], tuple[Snippet, ...]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and for where."""

    line: int
    key: Hashable
    snippets: tuple[Snippet, ...]


class StickyChoice:
    """The latest choice of each of the latest documents."""

    def __init__(self) -> None:
        self._choices: OrderedDict[str, Choice] = OrderedDict()

    def at(self, cursor: Cursor, key: Hashable, choose: Choose) -> tuple[Snippet, ...]:
        """The choice that holds at a cursor; made anew where none does. `key` must be the same."""
        line, held = cursor.snapshot.line, self._choices.get(cursor.uri)
        if held is None or held.key != key or abs(held.line - line) > SAME_PLACE:
            held = Choice(line, key, choose())
            self._choices[cursor.uri] = held
        self._choices.move_to_end(cursor.uri)
        if len(self._choices) > DOCUMENTS:
            self._choices.popitem(last=False)
        return held.snippets
