"""What the editor tells of the open project: takes its events, gives the notes that indexing reads.

Events come on the event loop's thread and cost microseconds: nothing is read or counted there.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Condition

from lsp_server.locations import real_path
from lsp_server.settings import Settings

MOST_NAMES = 10_000
"""URIs whose file is remembered."""


@dataclass(frozen=True, slots=True)
class Notes:
    """One moment of the project, as the editor knows it. Files go by `Workspace.name`."""

    serving: bool = False
    """Whether it is known what may be read."""
    epoch: int = 0
    """Counts changes of what may be read: all that was read before the last one is forgotten."""
    folders: tuple[str, ...] = ()
    """URIs of the workspace's folders."""
    settings: Settings = field(default_factory=Settings)
    open: Mapping[str, int] = field(default_factory=dict)
    """Open documents and how often they have changed."""
    stale: Mapping[str, int] = field(default_factory=dict)
    """Files that may have changed on the disk, and the serial number of that news."""
    current: str = ""
    """The file that is being written."""


class Workspace:
    """Where the editor's events go; any thread may read `notes` or wait for other ones."""

    def __init__(self, read_text: Callable[[str], str | None]) -> None:
        self.notes = Notes()
        self.read_text = read_text
        """Gives the text of an open document by its URI; None where there is none to read."""
        self.changed = Condition()
        """Notified after every event."""
        self._names: dict[str, str] = {}
        self._uris: dict[str, str] = {}
        self._serial = 0

    def name(self, uri: str) -> str:
        """The one name of a document's file, over links and whatever its URI looks like."""
        if (known := self._names.get(uri)) is not None:
            return known
        name = file_name(str(real_path(uri)))
        if len(self._names) >= MOST_NAMES:
            self._names = {}
        self._names[uri] = name
        return name

    def text(self, name: str) -> str | None:
        """The live text of an open document; None where it is not open or may not be read."""
        uri = self._uris.get(name)
        return None if uri is None else self.read_text(uri)

    def begin(self, folders: Iterable[str], settings: Settings) -> None:
        """Take folders and settings; what was read by others is forgotten."""
        given, now = tuple(folders), self.notes
        if not now.serving or given != now.folders or reading(settings) != reading(now.settings):
            self._take(
                serving=True, epoch=now.epoch + 1, folders=given, settings=settings, stale={}
            )

    def open(self, uri: str) -> None:
        """A document was opened or read anew: its file on the disk counts no more."""
        self._names.pop(uri, None)
        name = self.name(uri)
        self._uris[name] = uri
        self.edit(uri)

    def edit(self, uri: str) -> None:
        """A document has changed; call it once the change is whole."""
        name = self.name(uri)
        self._serial += 1
        self._take(open={**self.notes.open, name: self._serial})

    def close(self, uri: str) -> None:
        """A document was closed: its file on the disk counts again, once it has been read."""
        name = self.name(uri)
        self._uris.pop(name, None)
        others = {other: serial for other, serial in self.notes.open.items() if other != name}
        self._serial += 1
        self._take(open=others, stale={**self.notes.stale, name: self._serial})

    def touch(self, uris: Iterable[str]) -> None:
        """Files have changed on the disk, have come or gone."""
        self._serial += 1
        news = dict.fromkeys(map(self.name, uris), self._serial)
        self._take(stale={**self.notes.stale, **news})

    def settle(self, settled: Mapping[str, int]) -> None:
        """The news of these serial numbers has been dealt with; from any thread."""
        with self.changed:
            left = {
                name: serial
                for name, serial in self.notes.stale.items()
                if settled.get(name) != serial
            }
            self.notes = replace(self.notes, stale=left)

    def write(self, uri: str) -> None:
        """A completion is wanted in this document; from any thread."""
        name = self.name(uri)
        if name != self.notes.current:
            self._take(current=name)

    def _take(self, **news: object) -> None:
        with self.changed:
            self.notes = replace(self.notes, **news)  # type: ignore[arg-type]
            self.changed.notify_all()


def file_name(path: str) -> str:
    """A real path as files are told apart by: without case where the system has none."""
    return os.path.normcase(path).replace(os.sep, "/")


def reading(settings: Settings) -> tuple[object, ...]:
    """What of the settings decides about what is read."""
    return (
        settings.enabled,
        settings.project,
        settings.project_megabytes,
        settings.unread,
        settings.languages,
    )
