"""The context plugin `edits`: lines that the user edited last in other places."""

from dataclasses import replace

from lsp_server.completion.context.plugin import Context, Cursor, Snippet
from lsp_server.completion.context.sticky import StickyChoice
from lsp_server.contract.canonical import in_canonical_form
from lsp_server.contract.text_form import with_plain_ends

KIND = "edits"
MOST_REGIONS = 3
MOST_CHARACTERS = 1_200


class EditsContext:
    """Shows what one has been working on."""

    def __init__(self) -> None:
        self._sticky = StickyChoice()

    def __call__(self, cursor: Cursor, context: Context) -> Context:
        """The context with the latest edits, the latest last: it stands nearest to the cursor."""
        rules = cursor.snapshot.unread, cursor.snapshot.folders
        found = self._sticky.at(cursor, rules, lambda: latest_edits(cursor))
        return replace(context, related=(*context.related, *found))


def latest_edits(cursor: Cursor) -> tuple[Snippet, ...]:
    """The latest edits that fit, the latest last."""
    kept: list[Snippet] = []
    room = MOST_CHARACTERS
    for edit in cursor.snapshot.edits:
        if len(kept) == MOST_REGIONS:
            break
        if len(edit.text) <= room:
            room -= len(edit.text)
            text = in_canonical_form(with_plain_ends(edit.text), edit.form)
            kept.insert(0, Snippet(path=edit.path, text=text, kind=KIND))
    return tuple(kept)
