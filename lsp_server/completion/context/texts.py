"""Reads a project file for context plugins: the open document if there is one, else the disk.

What may not be read is not opened, nor is the cursor's own file: it is being edited, and the disk
holds what the user has deleted. Files that lie outside of the workspace's folders, are no text, or
are too large count as missing.
"""

import os
import stat
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from lsp_server.completion.context.outline import Module, read_module
from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.context.snapshot import OpenText
from lsp_server.contract.canonical import canonical_text
from lsp_server.contract.languages.profiles import is_named_as, language_of
from lsp_server.documents.exclusions import Exclusions
from lsp_server.documents.uris import path_in_workspace, path_of, real_path
from lsp_server.project.hard_links import one_name
from lsp_server.project.reading.source_file import LARGEST, read_source

MOST_ENTRIES = 2_000
"""Of a folder that are looked at."""
KNOWN_FILES = 512
KNOWN_OUTLINES = 256
KNOWN_CHARACTERS = 16_000_000
"""Of all files that are kept."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file's text; the same object for as long as it does not change."""

    file: PurePosixPath
    """Where it really lies."""
    path: str
    """As `Cursor.path`."""
    text: str


@dataclass(frozen=True, slots=True)
class Known:
    """What a file on the disk held when it had this time and size."""

    state: tuple[int, int]
    source: SourceText | None


@dataclass(frozen=True, slots=True)
class Outlined:
    """A source with its outline."""

    source: SourceText
    module: Module


class ProjectTexts:
    """Reads files as they are needed and keeps the latest."""

    def __init__(self) -> None:
        self._known: OrderedDict[PurePosixPath, Known] = OrderedDict()
        self._outlines: OrderedDict[PurePosixPath, Outlined] = OrderedDict()
        self._rules: Exclusions | None = None
        self._open: dict[PurePosixPath, SourceText] = {}
        self._read_from: dict[PurePosixPath, OpenText] = {}
        """What the texts of open documents were read from."""
        self._opened: tuple[OpenText, ...] = ()

    def at(self, cursor: Cursor) -> "TextsAt":
        """The texts that may be read at a cursor."""
        around = cursor.snapshot
        if around.unread != self._rules:
            self._known.clear()
            self._outlines.clear()
            self._rules = around.unread
        if around.open_texts is not self._opened:
            self._opened = around.open_texts
            found = {real_path(item.uri): item for item in around.open_texts}
            known = self._read_from
            self._open = {
                file: self._open[file]
                if known.get(file) is item  # what was made of it still holds
                else SourceText(file, item.path, canonical_text(item.text, item.language))
                for file, item in found.items()
            }
            self._read_from = found
        return TextsAt(self, cursor)

    def opened(self) -> Iterable[SourceText]:
        """The other open documents."""
        return self._open.values()

    def read(self, file: PurePosixPath, folders: Iterable[str]) -> SourceText | None:
        """The text of a file that may be read, None where there is none to read."""
        if (opened := self._open.get(file)) is not None:
            return opened
        try:
            found = os.stat(file)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            return None
        state = found.st_mtime_ns, found.st_size
        known = self._known.get(file)
        if known is None or known.state != state:
            path = path_in_workspace(Path(file).as_uri(), folders)
            text = read_text(file)
            known = Known(state, None if text is None else SourceText(file, path, text))
            self._known[file] = known
            self._shrink()
        self._known.move_to_end(file)
        return known.source

    def outline(self, source: SourceText) -> Module:
        """What a source defines and imports."""
        known = self._outlines.get(source.file)
        if known is None or known.source is not source:
            known = self._outlines[source.file] = Outlined(source, read_module(source.text))
        self._outlines.move_to_end(source.file)
        if len(self._outlines) > KNOWN_OUTLINES:
            self._outlines.popitem(last=False)
        return known.module

    def _shrink(self) -> None:
        size = sum(len(known.source.text) for known in self._known.values() if known.source)
        while len(self._known) > KNOWN_FILES or (size > KNOWN_CHARACTERS and len(self._known) > 1):
            _, known = self._known.popitem(last=False)
            size -= len(known.source.text) if known.source else 0


class TextsAt:
    """The project's texts as far as they may be read at one cursor; for one request."""

    def __init__(self, texts: ProjectTexts, cursor: Cursor) -> None:
        self._texts = texts
        self._around = cursor.snapshot
        self._own = {path_of(cursor.uri), real_path(cursor.uri)}
        self.place = path_of(cursor.uri)
        self._language = cursor.language
        """Of the cursor's own file."""
        self.folders = tuple(path_of(uri) for uri in self._around.folders)
        """Of the workspace."""
        self._real_folders = tuple(real_path(uri) for uri in self._around.folders)

    def read(self, path: PurePosixPath) -> SourceText | None:
        """The text of a file; None where it is missing or may not be read."""
        if not exists(path) or path in self._own or not self._around.may_read(path):
            return None
        real = PurePosixPath(os.path.realpath(path).replace(os.sep, "/"))
        inside = any(real.is_relative_to(folder) for folder in self._real_folders)
        if not inside or real in self._own or not self._around.may_read(real):
            return None
        return self._texts.read(real, self._around.folders)

    def outline(self, source: SourceText) -> Module:
        """What a source defines and imports."""
        return self._texts.outline(source)

    def opened(self) -> Iterator[SourceText]:
        """The other open documents of the workspace, and those outside of it."""
        return (source for source in self._texts.opened() if source.file not in self._own)

    def beside(self, most: int) -> list[PurePosixPath]:
        """Paths of at most that many files of its language in the folder of the cursor's own."""
        try:
            with os.scandir(self.place.parent) as entries:
                found = [entry.name for entry in islice(entries, MOST_ENTRIES)]
        except OSError:
            return []
        names = sorted(name for name in found if is_named_as((self._language,), name))
        return [self.place.parent / name for name in names[:most]]


def exists(path: PurePosixPath) -> bool:
    """Whether there is a file or folder; most places that an import may lead to are empty."""
    try:
        os.stat(path)
    except (OSError, ValueError):
        return False
    return True


def read_text(file: PurePosixPath) -> str | None:
    """The text of a file in the canonical form; None where it cannot be read or is none."""
    text = read_source(str(file), one_name)  # few files: the other names are not looked for
    return None if text is None else canonical_text(text, language_of(str(file)))
