"""Holds the open documents and applies the editor's changes to them.

Lines end at \\n, \\r\\n and \\r only, as the protocol says: form feeds and U+2028 are text.
Positions count code units of the negotiated encoding; columns count code points. Both start at 0.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from lsp_server.contract.text_form import CANONICAL, FormWatch, TextForm, with_plain_ends
from lsp_server.documents.edited_regions import Change, EditedRegions
from lsp_server.documents.positions import Encoding, Position, column_of, units_of
from lsp_server.documents.text_edits import Point, TextEdit, content, split_lines

PREFIX_CHARACTERS = 65_536
SUFFIX_CHARACTERS = 16_384
WINDOW_LINES = 64
"""A long document's window starts at a multiple of this, so that typing seldom moves its start."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Edit:
    """A range and the text that takes its place."""

    start: Position
    end: Position
    text: str


@dataclass(slots=True)
class TextDocument:
    """An open document. `lines` keep their line ends; the last one has none and may be empty."""

    uri: str
    language: str
    encoding: Encoding
    lines: list[str] = field(default_factory=lambda: [""])
    revision: int = 0
    """Counts the editor's changes."""
    _text: str | None = None
    _form: FormWatch = field(default_factory=FormWatch)

    @property
    def text(self) -> str:
        """The whole text; the same object until it changes."""
        if self._text is None:
            self._text = "".join(self.lines)
        return self._text

    def replace(self, text: str) -> None:
        """Take `text` as the whole text."""
        self.lines = split_lines(text)
        self._text = None
        self._form.unseen = len(self.lines)

    @property
    def form(self) -> TextForm | None:
        """How the text is indented; None where no line shows it."""
        return self._form.look(self.lines, self.language)

    def apply(self, edit: Edit) -> tuple[Change, TextEdit]:
        """Put the edit's text in place of its range; a range that leaves the text is cut to it.

        What that did to lines and to the text.
        """
        self._text = None
        start = end = self.locate(edit.start)
        if edit.end != edit.start:
            start, end = sorted((start, self.locate(edit.end)))
        text_edit = TextEdit(start, end, self._between(start, end), edit.text)
        first, last = start[0], end[0]
        text = self.lines[first][: start[1]] + edit.text + self.lines[last][end[1] :]
        if (
            first
            and not start[1]
            and text.startswith("\n")
            and self.lines[first - 1].endswith("\r")
        ):
            first -= 1  # the two become one line end
            text = self.lines[first] + text
        pieces = split_lines(text)
        if last + 1 < len(self.lines):
            pieces.pop()  # ends with a line end: the next line follows
        self.lines[first : last + 1] = pieces
        self._form.unseen += len(pieces)
        return Change(first, last + 1 - first, len(pieces)), text_edit

    def take(self, edit: Edit | str) -> tuple[Change | None, TextEdit]:
        """Apply an edit, or a new whole text, of which no change of lines is known."""
        if isinstance(edit, Edit):
            return self.apply(edit)
        end = len(self.lines) - 1, len(self.lines[-1])
        text_edit = TextEdit((0, 0), end, self.text, edit)
        self.replace(edit)
        return None, text_edit

    def _between(self, start: Point, end: Point) -> str:
        (first, left), (last, right) = start, end
        if first == last:
            return self.lines[first][left:right]
        between = self.lines[first + 1 : last]
        return "".join((self.lines[first][left:], *between, self.lines[last][:right]))

    def locate(self, position: Position) -> Point:
        """Line and column of a position, moved into the text where it lies outside."""
        if position.line >= len(self.lines):
            log.info("%s: line %d is past the end", self.uri, position.line)
            return len(self.lines) - 1, len(content(self.lines[-1]))
        line = content(self.lines[position.line])
        return position.line, column_of(line, position.character, self.encoding)

    def position(self, line: int, column: int) -> Position:
        """The position of a place in the text, as the editor counts."""
        return Position(line, units_of(self.lines[line][:column], self.encoding))

    def before(self, line: int, column: int) -> str:
        """The text up to a place, line ends as \\n; of a long document the latest lines."""
        head = self.lines[line][:column]
        size, first = len(head), line
        while first and (size < PREFIX_CHARACTERS or first % WINDOW_LINES):
            if size > 2 * PREFIX_CHARACTERS:
                break
            first -= 1
            size += len(self.lines[first])
        text = with_plain_ends("".join(self.lines[first:line]) + head)
        surplus = len(text) - 2 * PREFIX_CHARACTERS
        hop = PREFIX_CHARACTERS // 4
        return text[-(-surplus // hop) * hop :] if surplus > 0 else text

    def after(self, line: int, column: int) -> str:
        """The text from a place on, line ends as \\n; of a long document the first lines."""
        parts = [self.lines[line][column : column + SUFFIX_CHARACTERS]]
        size, last = len(parts[0]), line + 1
        while last < len(self.lines) and size < SUFFIX_CHARACTERS:
            parts.append(self.lines[last])
            size += len(self.lines[last])
            last += 1
        return with_plain_ends("".join(parts))[:SUFFIX_CHARACTERS]


class Documents:
    """The open documents by URI. One that may not be read is known, but its text is not kept.

    Only before the settings have come is a text held that they may allow, without being read.
    """

    def __init__(self) -> None:
        self.encoding = Encoding.UTF16
        self.edited = EditedRegions()
        """Where the latest changes were."""
        self._documents: dict[str, TextDocument] = {}
        self._unread: dict[str, str] = {}
        self._held: dict[str, TextDocument] = {}

    def open(self, uri: str, language: str, text: str) -> None:
        """Read a document."""
        self._documents[uri] = self._new(uri, language, text)
        self._unread.pop(uri, None)
        self._held.pop(uri, None)
        self.edited.drop(uri)

    def _new(self, uri: str, language: str, text: str) -> TextDocument:
        document = TextDocument(uri, language, self.encoding)
        document.replace(text)
        return document

    def hold(self, uri: str, language: str, text: str) -> None:
        """Keep an unread document's text, for nobody, until `release`: it may yet be read."""
        self._held[uri] = self._new(uri, language, text)

    def release(self) -> list[TextDocument]:
        """What was held; it is kept here no longer."""
        held, self._held = list(self._held.values()), {}
        return held

    def forget(self, uri: str, language: str) -> None:
        """Keep only that a document is open, and its language."""
        self._documents.pop(uri, None)
        self._held.pop(uri, None)
        self._unread[uri] = language
        self.edited.drop(uri)

    def close(self, uri: str) -> None:
        """Forget a document, but for the lines that were edited last."""
        if (document := self._documents.pop(uri, None)) is not None:
            self.edited.freeze(uri, document.lines, self.form_of(document))
        self._unread.pop(uri, None)
        self._held.pop(uri, None)

    def get(self, uri: str) -> TextDocument | None:
        """The document, None where it is not open or may not be read."""
        return self._documents.get(uri)

    def form_of(self, document: TextDocument) -> TextForm:
        """How a document is indented; where none of its lines shows it, as the one opened last."""
        others = (item for item in self._documents.values() if item.language == document.language)
        forms = (item.form for item in (document, *reversed(list(others))))
        return next(filter(None, forms), CANONICAL)

    def unread_language(self, uri: str) -> str | None:
        """The language of a document that is open without having been read."""
        return self._unread.get(uri)

    def read(self) -> list[TextDocument]:
        """Every document whose text is kept."""
        return list(self._documents.values())

    def known(self) -> list[TextDocument]:
        """Every document whose text is kept, or held until it may be."""
        return [*self._documents.values(), *self._held.values()]

    def edit(self, uri: str, edits: Iterable[Edit | str]) -> list[TextEdit]:
        """Apply edits in order; a string is a new whole text. Nothing for an unread document.

        What each did to the text.
        """
        if (held := self._held.get(uri)) is not None:
            for edit in edits:
                held.take(edit)
        document = self._documents.get(uri)
        if document is None:
            return []
        document.revision += 1
        done: list[TextEdit] = []
        for edit in edits:
            change, text_edit = document.take(edit)
            if change is None:
                self.edited.drop(uri)
            else:
                self.edited.record(uri, change)
            done.append(text_edit)
        return done
