"""Where a suggestion is inserted, and which text it replaces."""

from dataclasses import dataclass

from lsp_server.completion.context.plugin import Cursor
from lsp_server.documents.positions import Position
from lsp_server.documents.text_edits import Point
from lsp_server.engines import Candidate


@dataclass(frozen=True, slots=True)
class Selection:
    """The entry of the editor's own menu that is selected, and what it would replace."""

    start: Position
    end: Position
    text: str


@dataclass(frozen=True, slots=True)
class InsertPlace:
    """Where an answer goes: its text is `lead` and a candidate, in place of start to end."""

    cursor: Cursor
    start: Position
    end: Position
    points: tuple[Point, Point]
    """The same as the document counts: lines and columns."""
    lead: str = ""
    menu: bool = False
    """Whether it is for the completion menu."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with."""

    candidates: tuple[Candidate, ...]
    ids: tuple[str, ...] = ()
    """Of the suggestions, while feedback is on; the editor says by them what was accepted."""
