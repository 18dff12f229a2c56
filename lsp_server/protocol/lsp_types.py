"""Converts between LSP's types and Lory's."""

from collections.abc import Mapping
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams

from lsp_server.completion.insert_place import Answer, InsertPlace, Selection
from lsp_server.completion.selection.candidates import first_line
from lsp_server.documents.positions import Position
from lsp_server.documents.text_documents import Edit
from lsp_server.protocol.fast_initialize import ACCEPTED_COMMAND


def position_from(position: lsp.Position) -> Position:
    """Lory's position."""
    return Position(position.line, position.character)


def place_from(uri: Any, position: Any) -> tuple[str, Position | None]:
    """A document and perhaps a place in it, of a request that only Lory has.

    Raises JsonRpcInvalidParams where they are not given as the protocol gives them elsewhere.
    """
    numbers = part(position, "line"), part(position, "character")
    placed = all(isinstance(number, int) and number >= 0 for number in numbers)
    if not isinstance(uri, str) or not (placed or position is None):
        raise JsonRpcInvalidParams(
            "expected a document's URI and perhaps {line, character}, "
            f"found {uri!r} and {position!r}; see the README"
        )
    return uri, Position(*numbers) if position is not None else None


def part(value: Any, name: str) -> Any:
    """A part of a JSON object, as pygls gives it for messages that it does not know."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def edit_from(change: lsp.TextDocumentContentChangeEvent) -> Edit | str:
    """Lory's edit; a change without a range is the whole text."""
    if isinstance(change, lsp.TextDocumentContentChangeWholeDocument):
        return change.text
    span = change.range
    return Edit(position_from(span.start), position_from(span.end), change.text)


def selection_from(selected: lsp.SelectedCompletionInfo | None) -> Selection | None:
    """Lory's selection."""
    if selected is None:
        return None
    start, end = position_from(selected.range.start), position_from(selected.range.end)
    return Selection(start, end, selected.text)


def range_of(place: InsertPlace) -> lsp.Range:
    """What an answer replaces."""
    start, end = place.start, place.end
    return lsp.Range(
        lsp.Position(start.line, start.character), lsp.Position(end.line, end.character)
    )


def inline_list(answer: Answer, place: InsertPlace) -> lsp.InlineCompletionList:
    """The answer to a request for ghost text."""
    span = range_of(place)
    texts = [place.lead + candidate.text for candidate in answer.candidates]
    items = [lsp.InlineCompletionItem(insert_text=text, range=span) for text in texts]
    for item, suggestion in zip(items, answer.ids, strict=False):  # no ids while feedback is off
        item.command = acceptance_of(suggestion)
    return lsp.InlineCompletionList(items=items)


def acceptance_of(suggestion: str) -> lsp.Command:
    """What an editor carries out once it has inserted a suggestion."""
    return lsp.Command(title="", command=ACCEPTED_COMMAND, arguments=[suggestion])


def menu_list(answer: Answer, place: InsertPlace) -> lsp.CompletionList:
    """The answer to a request for the menu; the next key asks again."""
    texts = [place.lead + candidate.text for candidate in answer.candidates]
    items = [menu_item(text, rank, place) for rank, text in enumerate(texts)]
    return lsp.CompletionList(is_incomplete=True, items=items)


def menu_item(text: str, rank: int, place: InsertPlace) -> lsp.CompletionItem:
    """One entry, ahead of other servers' entries, its text taken as it is."""
    return lsp.CompletionItem(
        label=first_line(text),
        kind=lsp.CompletionItemKind.Text,
        detail="Lory",
        documentation=text if "\n" in text else None,
        sort_text=f" {rank:02}",
        filter_text=text,
        preselect=rank == 0,
        insert_text_format=lsp.InsertTextFormat.PlainText,
        insert_text_mode=lsp.InsertTextMode.AsIs,
        text_edit=lsp.TextEdit(range=range_of(place), new_text=text),
    )
