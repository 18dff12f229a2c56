"""Finds the texts that an editor would show for a server's response."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lsp_server.bench.client.positions import Cursor, offset_at
from lsp_server.errors import BenchError

SNIPPET_FORMAT = 2
"""LSP's InsertTextFormat.Snippet."""

ESCAPED = {"\\\\": "\ue000", "\\$": "\ue001", "\\}": "\ue002"}
"""A snippet's escapes, held as private-use characters while its placeholders are resolved."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One text on show."""

    text: str
    """Typed at the cursor when taken."""
    rewrites: int = 0
    """Characters before the cursor that taking it would replace first: where there are any, it is
    no continuation of what the user has typed."""
    covers: int = 0
    """Characters behind the cursor that the text takes the place of; the cursor ends behind it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of `text[start:end]` around the cursor."""

    start: int
    end: int
    new: str


def inline_offers(result: Any, cursor: Cursor) -> list[Offer]:
    """Offers of a textDocument/inlineCompletion result, in its order, without doubles."""
    try:
        items = result.get("items") or [] if isinstance(result, dict) else result or []
        return distinct(offer_of(inline_edit(item, cursor), cursor) for item in items)
    except (AttributeError, KeyError, TypeError) as exc:
        raise malformed("inline completion", result) from exc


def menu_offers(result: Any, cursor: Cursor) -> list[Offer]:
    """Offers of a textDocument/completion result, as an editor lists them, without doubles.

    An editor shows the items whose filter text goes on from what is typed, whatever its case, and
    sorts them by their sort text.
    """
    try:
        items = result.get("items") or [] if isinstance(result, dict) else result or []
        listed = sorted(items, key=lambda item: item.get("sortText") or item["label"])
        pairs = [(item, menu_edit(item, cursor)) for item in listed]
        edits = [edit for item, edit in pairs if is_listed(item, edit, cursor)]
        return distinct(offer_of(edit, cursor) for edit in edits)
    except (AttributeError, KeyError, TypeError) as exc:
        raise malformed("completion", result) from exc


def malformed(kind: str, result: Any) -> BenchError:
    """The error for an answer of another shape than the protocol's."""
    return BenchError(f"expected an LSP {kind} result from the server, found {result!r:.200}")


def distinct(offers: Iterable[Offer]) -> list[Offer]:
    """Offers that would change the text, each once, in their order."""
    return [offer for offer in dict.fromkeys(offers) if offer != Offer("")]


def offer_of(edit: Edit, cursor: Cursor) -> Offer:
    """The edit as seen from the cursor, without what it repeats of the text before it."""
    before = cursor.text[edit.start : cursor.offset]
    if edit.new == before + cursor.text[cursor.offset : edit.end]:
        return Offer("")
    kept = len(shared_start(before, edit.new))
    covers = edit.end - cursor.offset
    return Offer(edit.new[kept:], rewrites=len(before) - kept, covers=covers)


def shared_start(first: str, second: str) -> str:
    """The longest common prefix."""
    pairs = zip(first, second, strict=False)
    length = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
    return first[:length]


def inline_edit(item: dict[str, Any], cursor: Cursor) -> Edit:
    """What an inline completion item does."""
    text = item["insertText"]
    new = plain_text(text["value"]) if isinstance(text, dict) else text
    return ranged_edit(item["range"], new, cursor) if item.get("range") else at_cursor(new, cursor)


def menu_edit(item: dict[str, Any], cursor: Cursor) -> Edit:
    """What a completion item does; without its own edit it replaces the word at the cursor."""
    edit = item.get("textEdit")
    new = edit["newText"] if edit else item.get("insertText") or item["label"]
    if item.get("insertTextFormat") == SNIPPET_FORMAT:
        new = plain_text(new)
    if edit:
        return ranged_edit(edit.get("range") or edit["insert"], new, cursor)
    return Edit(cursor.offset - len(word_before(cursor)), cursor.offset, new)


def at_cursor(new: str, cursor: Cursor) -> Edit:
    """A plain insertion."""
    return Edit(cursor.offset, cursor.offset, new)


def ranged_edit(span: dict[str, Any], new: str, cursor: Cursor) -> Edit:
    """The edit of an LSP range; one that does not touch the cursor is taken up to it."""
    start = offset_at(cursor.text, span["start"], cursor.encoding)
    end = offset_at(cursor.text, span["end"], cursor.encoding)
    return Edit(min(start, cursor.offset), max(end, cursor.offset), new)


def is_listed(item: dict[str, Any], edit: Edit, cursor: Cursor) -> bool:
    """Whether an editor's menu still shows the item after what is typed."""
    typed = cursor.text[edit.start : cursor.offset]
    shown = item.get("filterText") or item["label"]
    return bool(shown.lower().startswith(typed.lower()))


def word_before(cursor: Cursor) -> str:
    """The identifier, or part of one, that ends at the cursor."""
    start = cursor.text.rfind("\n", 0, cursor.offset) + 1
    found = re.search(r"\w*$", cursor.text[start : cursor.offset])
    return found.group() if found else ""


def plain_text(snippet: str) -> str:
    """A snippet's text with its placeholders' defaults: `f(${1:x})$0` gives `f(x)`."""
    for escape, held in ESCAPED.items():
        snippet = snippet.replace(escape, held)
    snippet = re.sub(r"\$\{\d+\|([^,|]*)[^|]*\|\}", r"\1", snippet)
    placeholder = re.compile(r"\$\{\w+(?::([^{}]*))?\}")
    while (resolved := placeholder.sub(lambda found: found[1] or "", snippet)) != snippet:
        snippet = resolved
    snippet = re.sub(r"\$\d+", "", snippet)
    for escape, held in ESCAPED.items():
        snippet = snippet.replace(held, escape[1])
    return snippet
