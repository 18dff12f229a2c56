"""Turns the editor's events about files and folders into work for the index.

Events come on the event loop's thread and cost microseconds: nothing is read or counted there.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Condition

from lsp_server.documents.uris import can_be_file, path_of, real_path
from lsp_server.project.walk import Root, is_own, root_of
from lsp_server.settings import Settings

MOST_NAMES = 10_000
"""URIs whose file is remembered."""
MOST_STALE = 500
"""Files that are read again one by one; if more have changed, the whole project is."""


@dataclass(frozen=True, slots=True)
class Notes:
    """One moment of the project, as the editor knows it. Files go by their real path."""

    serving: bool = False
    """Whether it is known what may be read."""
    epoch: int = 0
    """Counts changes of what may be read: all that was read before the last one is forgotten."""
    folders: tuple[str, ...] = ()
    """URIs of the workspace's folders."""
    roots: tuple[Root, ...] = ()
    """The same as paths."""
    settings: Settings = field(default_factory=Settings)
    open: Mapping[str, int] = field(default_factory=dict)
    """Open documents, and the serial number of their last change."""
    stale: Mapping[str, int] = field(default_factory=dict)
    """Files that may have changed on the disk, and the serial number of that news."""
    current: str = ""
    """The file that is being written."""
    languages: frozenset[str] = frozenset()
    """Of all documents that were opened: files of others are of no use."""


class Workspace:
    """Where the editor's events go; any thread may read `notes` or wait for other ones."""

    def __init__(self, read_text: Callable[[str], str | None]) -> None:
        self.notes = Notes()
        self.changed = Condition()
        """Notified after every event that asks for work."""
        self.client_tells = True
        """Whether the editor tells when files change on the disk."""
        self._read_text = read_text
        self._names: dict[str, str] = {}
        self._uris: dict[str, list[str]] = {}
        """Of each open file; links to one are opened apart."""
        self._serial = 0
        self._readers: dict[object, Callable[[], None]] = {}
        """What reads the project's files, each with what stops it."""
        self._dealt: dict[object, Mapping[str, int]] = {}
        """The news that each of them has dealt with, while others have not."""

    def join(self, reader: object, stop: Callable[[], None]) -> None:
        """Something reads the project's files from now on.

        `stop` is called when what is being read will be forgotten; from any thread, must not wait.
        """
        with self.changed:
            self._readers = {**self._readers, reader: stop}

    def leave(self, reader: object) -> None:
        """It reads no more, and no news waits for it."""
        with self.changed:
            self._readers = {
                other: stop for other, stop in self._readers.items() if other != reader
            }
            self._dealt.pop(reader, None)
            self._drop_settled()

    def name(self, uri: str) -> str:
        """The real path of a document's file."""
        if (known := self._names.get(uri)) is not None:
            return known
        name = str(real_path(uri))
        if len(self._names) >= MOST_NAMES:
            self._names = {}
        self._names[uri] = name
        return name

    def text(self, name: str) -> str | None:
        """The live text of an open document; None where it is not open or may not be read."""
        uris = self._uris.get(name)
        return self._read_text(uris[-1]) if uris else None

    def begin(self, folders: Iterable[str], settings: Settings) -> None:
        """Take folders and settings; what was read by others is forgotten."""
        given, now = tuple(folders), self.notes
        if (
            now.serving
            and given == now.folders
            and what_is_read(settings) == what_is_read(now.settings)
        ):
            return
        roots = tuple(root_of(str(path_of(uri))) for uri in given if uri.startswith("file:"))
        with self.changed:
            self.notes = replace(
                self.notes, serving=True, folders=given, roots=roots, settings=settings
            )
            self._start_anew()

    def use(self, language: str) -> bool:
        """A document of a language was opened that may be read; whether it is the first such."""
        if language in self.notes.languages:
            return False
        with self.changed:
            known = self.notes.languages | {language}
            self.notes = replace(self.notes, languages=known)
            self.changed.notify_all()
        return True

    def open(self, uri: str) -> None:
        """A document was opened or read anew: its file on the disk counts no more."""
        self._names.pop(uri, None)
        name = self.name(uri)
        others = [other for other in self._uris.get(name, ()) if other != uri]
        self._uris[name] = [*others, uri]
        self._change(name)

    def edit(self, uri: str) -> None:
        """A document has changed; call it once the change is whole."""
        name = self.name(uri)
        if name in self.notes.open:
            self._change(name)

    def _change(self, name: str) -> None:
        with self.changed:
            self._serial += 1
            self.notes = replace(self.notes, open={**self.notes.open, name: self._serial})
            if name != self.notes.current:
                self.changed.notify_all()

    def close(self, uri: str) -> None:
        """A document was closed: its file on the disk counts again, once it has been read."""
        name = self.name(uri)
        others = [other for other in self._uris.pop(name, ()) if other != uri]
        if others:
            self._uris[name] = others
            self._change(name)
            return
        with self.changed:
            left = {other: serial for other, serial in self.notes.open.items() if other != name}
            self.notes = replace(self.notes, open=left)
            self._distrust([name])

    def touch(self, uris: Iterable[str]) -> None:
        """Files have changed on the disk, have come or gone."""
        self.touch_files(str(path_of(uri)) for uri in uris if can_be_file(uri))

    def touch_files(self, paths: Iterable[str]) -> None:
        """The same by their paths; from any thread."""
        roots = self.notes.roots
        places = [Root(place, place) for root in roots for place in {root.shown, root.real}]
        near = (path for path in paths if any(is_own(path, place) for place in places))
        names = real_names(near)  # what an installation writes elsewhere costs no look at the disk
        inside = [name for name in names if any(is_own(name, root) for root in roots)]
        if inside:
            with self.changed:
                self._distrust(inside)

    def settle(self, settled: Mapping[str, int], reader: object = None) -> None:
        """A reader has dealt with the news of these serial numbers; from any thread."""
        with self.changed:
            self._dealt[reader] = {**self._dealt.get(reader, {}), **settled}
            self._drop_settled()

    def news_for(self, reader: object, notes: Notes) -> Mapping[str, int]:
        """Files that may have changed, which it has not dealt with, by their news' number."""
        dealt = self._dealt.get(reader, {})
        return {name: at for name, at in notes.stale.items() if dealt.get(name) != at}

    def _drop_settled(self) -> None:
        """Forget news that every reader has dealt with."""
        dealt = [self._dealt.get(reader, {}) for reader in self._readers] or [*self._dealt.values()]
        news = self.notes.stale.items()
        left = {name: at for name, at in news if not all(one.get(name) == at for one in dealt)}
        if dealt and len(left) < len(self.notes.stale):
            self.notes = replace(self.notes, stale=left)
        self._dealt = {
            reader: {name: at for name, at in one.items() if left.get(name) == at}
            for reader, one in self._dealt.items()
        }

    def start_anew(self) -> None:
        """Have everything read again; from any thread."""
        with self.changed:
            self._start_anew()

    def write(self, uri: str) -> None:
        """A completion is wanted in this document; from any thread."""
        name = self.name(uri)
        if name != self.notes.current:
            with self.changed:
                self.notes = replace(self.notes, current=name)
                self.changed.notify_all()

    def _distrust(self, names: list[str]) -> None:
        self._serial += 1
        stale = {**self.notes.stale, **dict.fromkeys(names, self._serial)}
        if len(stale) > MOST_STALE:
            self._start_anew()
        else:
            self.notes = replace(self.notes, stale=stale)
            self.changed.notify_all()

    def _start_anew(self) -> None:
        self.notes = replace(self.notes, epoch=self.notes.epoch + 1, stale={})
        self.changed.notify_all()
        for stop in self._readers.values():
            stop()


def real_names(paths: Iterable[str]) -> Iterator[str]:
    """The real paths of files, over links; each folder is looked up once."""
    folders: dict[str, str] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        with suppress(OSError, ValueError):  # no name that a file can have
            if folder not in folders:
                folders[folder] = real_file(folder or "/").rstrip("/")
            found = f"{folders[folder]}/{name}"
            yield real_file(found) if os.path.islink(found) else found


def real_file(path: str) -> str:
    """A path without links, with forward slashes."""
    return os.path.realpath(path).replace(os.sep, "/")


def what_is_read(settings: Settings) -> tuple[object, ...]:
    """What of the settings decides about that."""
    return (
        settings.enabled,
        settings.project,
        settings.project_megabytes,
        settings.unread,
        settings.languages,
    )
