"""Reuses a suggestion while the user types along it.

Greedy decoding continues typed text exactly as it would continue its own. While the user types
along a candidate and changes nothing else, the engine would only repeat the rest of it.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.request_trace import Generation
from lsp_server.completion.selection.candidates import drop_typed
from lsp_server.documents.text_documents import PREFIX_CHARACTERS
from lsp_server.engines import Candidate

COMPARED_CHARACTERS = PREFIX_CHARACTERS // 2
"""Prefixes that agree on this many are cut from one long document; a prompt takes in fewer."""

DOCUMENTS = 16
CURSORS = 8
"""Remembered per document: going back a few characters is common."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the engine gave at one cursor."""

    cursor: Cursor
    generation: Generation


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a cursor's candidates once `typed` characters of them are typed."""

    typed: int
    candidates: tuple[Candidate, ...]
    generation: Generation
    """The run of the engine that they come from."""


class SuggestionCache:
    """The latest candidates of the latest documents."""

    def __init__(self, documents: int = DOCUMENTS) -> None:
        self._most = documents
        self._documents: OrderedDict[str, deque[Remembered]] = OrderedDict()

    def remember(self, cursor: Cursor, generation: Generation) -> None:
        """Keep a cursor's candidates."""
        remembered = self._documents.setdefault(cursor.uri, deque(maxlen=CURSORS))
        remembered.appendleft(Remembered(cursor, generation))
        self._documents.move_to_end(cursor.uri)
        if len(self._documents) > self._most:
            self._documents.popitem(last=False)

    def find(self, cursor: Cursor) -> list[Rest]:
        """What is left at a cursor of remembered candidates, of the latest cursor first."""
        rests = (rest_at(item, cursor) for item in self._documents.get(cursor.uri, ()))
        return [rest for rest in rests if rest is not None]

    def forget(self, uri: str) -> None:
        """Drop a document's candidates."""
        self._documents.pop(uri, None)

    def clear(self) -> None:
        """Drop all candidates: settings or the model changed."""
        self._documents.clear()


def rest_at(remembered: Remembered, cursor: Cursor) -> Rest | None:
    """What is left of remembered candidates; None where something else was typed or changed."""
    old, generation = remembered.cursor, remembered.generation
    if (old.path, old.language, old.suffix) != (cursor.path, cursor.language, cursor.suffix):
        return None
    if cursor.invoked and not old.invoked:
        return None  # fewer candidates were asked for than are wanted now
    if same_text(old.prefix, cursor.prefix):
        return Rest(0, generation.candidates, generation)
    if cursor.invoked:
        return None  # those that do not agree with what was typed are missing
    for candidate in generation.candidates:
        if typed := typed_characters(old.prefix, cursor.prefix, candidate.text):
            along = candidate.text[:typed]
            agreeing = (item for item in generation.candidates if item.text.startswith(along))
            rests = tuple(drop_typed(item, typed) for item in agreeing)
            return Rest(typed, rests, generation)
    return None


def typed_characters(old: str, new: str, text: str) -> int:
    """How many characters of `text` turn the prefix `old` into `new`; 0 where none do."""
    for length in range(len(text), 0, -1):
        if new.endswith(text[:length]) and same_text(old, new[: len(new) - length]):
            return length
    return 0


def same_text(old: str, new: str) -> bool:
    """Whether two prefixes are the same text; of long documents the earliest lines may be cut."""
    shorter = min(len(old), len(new))
    if shorter < COMPARED_CHARACTERS and len(old) != len(new):
        return False
    return old[len(old) - shorter :] == new[len(new) - shorter :]
