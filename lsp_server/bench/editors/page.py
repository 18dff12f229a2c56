"""The interface of what is typed into: a document with a cursor."""

from collections.abc import Sequence
from typing import Protocol

from lsp_server.bench.client.offers import Offer


class Page(Protocol):
    """The document that is typed into, with a cursor."""

    @property
    def before(self) -> str:
        """The document up to the cursor."""
        ...

    @property
    def after(self) -> str:
        """The document behind it."""
        ...

    def show(self) -> Sequence[Offer]:
        """What is offered where the cursor stands now."""
        ...

    def replace(self, back: int, ahead: int, text: str, behind: str = "") -> None:
        """Put `text`, the cursor and `behind` in place of so many characters around the cursor."""
        ...

    def move(self, characters: int) -> None:
        """Put the cursor so far on."""
        ...
