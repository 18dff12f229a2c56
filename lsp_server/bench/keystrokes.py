"""A block typed key by key: takes the block and an editor, gives what the suggestions were worth.

The user knows the truth. At the block's start and after every key but the last the editor shows
what the server offers, and the user takes the longest text that is a prefix of what is left of
the block and at least three characters long (the setting `shortest`), then goes on typing after
it; nothing is asked for between taking and the next key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lsp_server.bench.blocks import Block
from lsp_server.bench.suggestions import Offer


class Editor(Protocol):
    """Where the block is typed; the cursor stands at the end of what was typed."""

    def show(self) -> Sequence[Offer]:
        """What is offered where the cursor stands now."""
        ...

    def insert(self, text: str) -> None:
        """Puts text at the cursor and the cursor after it."""
        ...


@dataclass(frozen=True, slots=True)
class TypingTally:
    """What typing one block came to."""

    characters: int
    """All that count; what the editor indents by itself does not."""
    saved: int
    """Of them, those that came with a suggestion."""
    shown: int
    """Distinct suggestions shown: two that would leave the same text are one, so one that the user
    types along is one."""
    taken: int
    """Suggestions taken."""


def type_block(block: Block, editor: Editor, shortest: int) -> TypingTally:
    """Types the block out in the editor, whose cursor stands at the block's start."""
    position = saved = taken = 0
    shown: set[str] = set()
    while position < len(block.text):
        offers = editor.show()
        shown.update(outcome(block.text[:position], offer) for offer in offers)
        text = best_text(offers, block.text[position:], shortest)
        if text:
            taken += 1
            end = after_indentation(block, position + len(text))
            saved += counted(block, position, position + len(text))
            editor.insert(block.text[position:end])
            position = end
        if position < len(block.text):
            end = after_indentation(block, position + 1)
            editor.insert(block.text[position:end])
            position = end
    return TypingTally(block.characters, saved, len(shown), taken)


def best_text(offers: Sequence[Offer], rest: str, shortest: int) -> str:
    """The longest offered text that is a prefix of `rest` and long enough; "" where none is."""
    texts = [
        offer.text
        for offer in offers
        if not offer.rewrites and len(offer.text) >= shortest and rest.startswith(offer.text)
    ]
    return max(texts, key=len, default="")


def outcome(typed: str, offer: Offer) -> str:
    """The block's text if the offer were taken: what tells two suggestions apart."""
    return typed[: max(0, len(typed) - offer.rewrites)] + offer.text


def counted(block: Block, start: int, end: int) -> int:
    """Characters between two places of the block that the editor does not insert by itself."""
    return sum(place not in block.automatic for place in range(start, end))


def after_indentation(block: Block, position: int) -> int:
    """The place where the cursor stands once the editor has indented."""
    while position in block.automatic:
        position += 1
    return position
