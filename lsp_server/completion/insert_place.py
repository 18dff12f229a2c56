"""Where a suggestion is inserted, and which text it replaces."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lsp_server.completion.context.plugin import Cursor
from lsp_server.contract.fitting import word_start
from lsp_server.contract.text_form import with_plain_ends
from lsp_server.documents.positions import Position
from lsp_server.documents.text_documents import TextDocument
from lsp_server.documents.text_edits import Point
from lsp_server.engines import Candidate

CursorAt = Callable[[TextDocument, Point, Point], Cursor]
"""Gives what is known at a cursor, with the text from one point to another left out."""


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


def ghost_place(
    document: TextDocument, cursor_at: CursorAt, position: Position, selection: Selection | None
) -> InsertPlace:
    """Where ghost text goes.

    With an entry of the menu selected, the text goes on from that entry as if it were taken.
    """
    if selection is None:
        here = document.locate(position)
        at = document.position(*here)
        return InsertPlace(cursor_at(document, here, here), at, at, (here, here))
    start, end = sorted((document.locate(selection.start), document.locate(selection.end)))
    cursor = cursor_at(document, start, end)
    cursor = replace(cursor, prefix=cursor.prefix + with_plain_ends(selection.text))
    edges = document.position(*start), document.position(*end)
    return InsertPlace(cursor, *edges, (start, end), lead=selection.text)


def menu_place(document: TextDocument, cursor_at: CursorAt, position: Position) -> InsertPlace:
    """Where an entry of the completion menu goes: it replaces the word before the cursor.

    Editors keep only entries that start with that word.
    """
    line, column = document.locate(position)
    text = document.lines[line]
    start = word_start(text, column)
    cursor = cursor_at(document, (line, column), (line, column))
    edges = document.position(line, start), document.position(line, column)
    points = (line, start), (line, column)
    return InsertPlace(cursor, *edges, points, lead=text[start:column], menu=True)
