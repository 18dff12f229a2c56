"""Tracks how much of a suggested text stands in the document.

We compare the document, not the edits, with the suggested text: the document must have the text's
beginning at the place, and then what stood behind the place before. The result does not depend on
how an editor splits a change, or where it reports repeated characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from lsp_server.contract.text_form import with_plain_ends
from lsp_server.documents.text_edits import Point, TextEdit, advance, common_prefix, move, text_at

TAIL = 64
"""Characters behind the place that must stay as they are."""
CLOSERS = frozenset(")]}>\"'` \t\n")
"""What editors put behind the cursor by themselves."""
MOST_CLOSERS = 40

Edits = Sequence[TextEdit]
"""Of one change notification, in order."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a change did to a text: `before` of its characters stood there, then `after`."""

    before: int
    after: int
    jumped: int = 0
    """Of those gained, at the end, how many came at once rather than key by key."""


@dataclass(slots=True, eq=False)
class Insertion:
    """One text and the place where it was offered."""

    start: Point
    present: str
    """What stands at the place and gives way to the text; "" once the text has begun."""
    target: str
    """The text, every line end as \\n."""
    tail: str
    """What stands behind the place; less than TAIL only at the document's end."""
    covered: int = 0
    """Characters of the text that stand at the place."""
    closers: int = 0
    """Characters at the beginning of the tail that the editor put there."""

    @property
    def rest(self) -> str:
        """What is missing."""
        return self.target[self.covered :]

    @property
    def end(self) -> Point:
        """Where the missing rest belongs."""
        return self.at(self.covered)

    def at(self, characters: int) -> Point:
        """Where the text's character of a number stands or belongs."""
        return advance(self.start, self.target[:characters])

    def take(self, edits: Edits, lines: Sequence[str]) -> Progress | None:
        """What edits meant for the text, once they are applied; None where it is spoiled."""
        touching: list[TextEdit] = []
        for edit in edits:
            if edit.start >= self.start:
                touching.append(edit)
            elif edit.end > self.start:
                return None
            else:
                self.start = move(self.start, edit)
        text = text_at(lines, self.start, len(self.target) + TAIL + MOST_CLOSERS)
        found, closers = self._find(text, touching)
        if found is None:
            return self._stay(text, touching)
        before, self.covered, self.present = self.covered, found, ""
        self.closers += closers
        self.tail = text[found : found + TAIL]
        own = self.rest
        if own and len(own) <= self.closers and self.tail.startswith(own):
            self.covered = len(self.target)  # the editor has put the end there
        return Progress(before, self.covered, jumped_characters(touching, closers, before, found))

    def _find(self, text: str, touching: Edits) -> tuple[int | None, int]:
        """How much of the target a text begins with, and what the editor put behind that."""
        hint = self.covered + len(self.present) + sum(map(growth, touching))
        agreed = common_prefix(text, self.target)
        for length in chain((hint,), range(agreed, -1, -1)):
            if 0 <= length <= agreed and self._reads(text, length, self.tail):
                return length, 0
        inserted = with_plain_ends(touching[-1].text) if touching else ""
        for closers in range(1, min(len(inserted), MOST_CLOSERS) + 1):
            added = inserted[len(inserted) - closers :]
            if not CLOSERS.issuperset(added):
                break
            length = hint - closers
            if self.covered < length <= agreed and self._reads(text, length, added + self.tail):
                return length, closers
        return None, 0

    def _stay(self, text: str, touching: Edits) -> Progress | None:
        """No progress, where edits lie behind the place and leave what stands there as it is."""
        standing = self.target[: self.covered] or self.present
        end = advance(self.start, standing)
        if not text.startswith(standing) or any(edit.start <= end for edit in touching):
            return None
        self.tail = text[len(standing) :][:TAIL]
        return Progress(self.covered, self.covered)

    def _reads(self, text: str, length: int, tail: str) -> bool:
        """Whether `tail` follows on so many characters, to the end where the document ends."""
        behind = text[length:]
        return behind.startswith(tail) if len(self.tail) == TAIL else behind == tail


def growth(edit: TextEdit) -> int:
    """Characters that an edit adds."""
    return len(with_plain_ends(edit.text)) - len(with_plain_ends(edit.removed))


def jumped_characters(touching: Edits, closers: int, before: int, after: int) -> int:
    """Of the characters gained, how many no key can have written.

    A key writes one character, or a line end and its indentation, and what the editor closes. An
    accepted word of one character, as "(", is the same change and counts as written by a key; for
    a suggestion's last character the editor's word decides (`ShownSuggestion.confirm`).
    """
    pasted = 0
    for number, edit in enumerate(touching, 1):
        text = with_plain_ends(edit.text)
        text = text[: len(text) - closers] if number == len(touching) else text
        if len(text) > 1 and not text.isspace():
            pasted += len(text)
    return max(min(after - before, pasted), 0)
