"""A snapshot of what context plugins may see: other documents, edits, folders, rules.

Taken on the event loop's thread for every request, read on the engine's: texts are shared, not
copied, and nothing here opens a file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from lsp_server.contract.text_form import TextForm
from lsp_server.documents.exclusions import EVERYTHING, Exclusions
from lsp_server.documents.text_documents import Documents, TextDocument
from lsp_server.documents.uris import path_in_workspace

LONGEST_TEXT = 1_000_000
"""Characters; longer documents are left out."""
MOST_TEXTS = 32
"""Open documents, those opened last."""
AROUND_CURSOR = 40
"""Lines above and below the cursor that are not repeated as recent edits."""


@dataclass(frozen=True, slots=True)
class OpenText:
    """Another open document, as it stood; the same object for as long as it does not change."""

    uri: str
    path: str
    """As `Cursor.path`."""
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class RecentEdit:
    """Lines that were typed or changed, as they stood when the cursor was read."""

    uri: str
    path: str
    """As `Cursor.path`."""
    first: int
    """Line of the document, from 0."""
    text: str
    form: TextForm
    """How the document is indented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a context plugin may look at beyond the cursor's own document."""

    folders: tuple[str, ...] = ()
    """URIs of the workspace's folders."""
    open_texts: tuple[OpenText, ...] = ()
    """The other open documents that may be read; what they say holds, not what is on the disk."""
    edits: tuple[RecentEdit, ...] = ()
    """The latest first; the lines around the cursor are not among them."""
    line: int = 0
    """Of the cursor, from 0."""
    unread: Exclusions = EVERYTHING
    """What is not read."""

    def may_read(self, path: PurePosixPath) -> bool:
        """Whether a file may be read. A link's own path and what it leads to must both be."""
        return self.unread.allow(path)


EMPTY_SNAPSHOT = Snapshot()
"""No folders, no documents, and no file may be read."""


class Lookout:
    """Takes snapshots of one session; keeps what did not change since the last one."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._known: dict[str, OpenText] = {}

    def forget(self) -> None:
        """What may be read has changed."""
        self._known = {}

    def look(
        self, cursor: TextDocument, line: int, folders: Iterable[str], unread: Exclusions
    ) -> Snapshot:
        """What lies around a line of a document."""
        given = tuple(folders)
        others = [item for item in self._documents.read() if item is not cursor]
        texts = (self._open_text(item, given) for item in others[-MOST_TEXTS:])
        open_texts = tuple(item for item in texts if len(item.text) <= LONGEST_TEXT)
        self._known = {item.uri: item for item in open_texts}
        return Snapshot(
            folders=given,
            open_texts=open_texts,
            edits=tuple(self._edits(cursor, line, given)),
            line=line,
            unread=unread,
        )

    def _open_text(self, document: TextDocument, folders: tuple[str, ...]) -> OpenText:
        path, known = path_in_workspace(document.uri, folders), self._known.get(document.uri)
        if known is not None and known.text is document.text and known.path == path:
            return known
        return OpenText(document.uri, path, document.language, document.text)

    def _edits(
        self, cursor: TextDocument, line: int, folders: tuple[str, ...]
    ) -> Iterator[RecentEdit]:
        for region in self._documents.edited:
            near = region.first <= line + AROUND_CURSOR and region.end >= line - AROUND_CURSOR
            if region.uri == cursor.uri and near:
                continue
            document = self._documents.get(region.uri)
            text, form = region.text or "", region.form
            if document is not None:
                text = "".join(document.lines[region.first : region.end])
                form = self._documents.form_of(document)
            if text.strip():
                path = path_in_workspace(region.uri, folders)
                yield RecentEdit(region.uri, path, region.first, text, form)
