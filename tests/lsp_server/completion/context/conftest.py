"""A workspace of real files, and cursors in it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.context.snapshot import Lookout
from lsp_server.documents.exclusions import Exclusions
from lsp_server.documents.text_documents import Documents
from lsp_server.documents.uris import roots_of
from lsp_server.settings import Settings

MARK = "|"
"""Where the cursor stands in a test's text."""


class Project:
    """A folder that a test writes files to, and a session's documents."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.documents = Documents()
        self.exclude: tuple[str, ...] = ()
        self._lookout = Lookout(self.documents)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def uri(self, name: str) -> str:
        """The URI of a file of the project."""
        return (self.root / name).as_uri()

    def open(self, name: str, text: str) -> None:
        """Open a document."""
        self.documents.open(self.uri(name), "python", text)

    def cursor(self, name: str, marked: str) -> Cursor:
        """The cursor at the mark of a text that is opened, or changed to it, under a name."""
        prefix, _, suffix = marked.partition(MARK)
        document = self.documents.get(self.uri(name))
        if document is None:
            self.open(name, prefix + suffix)
        elif document.text != prefix + suffix:
            document.replace(prefix + suffix)
        document = self.documents.get(self.uri(name))
        assert document is not None
        folders = [self.root.as_uri()]
        unread = Exclusions(Settings(exclude=self.exclude).unread, roots_of(folders))
        return Cursor(
            uri=document.uri,
            language="python",
            path=name,
            prefix=prefix,
            suffix=suffix,
            snapshot=self._lookout.look(document, prefix.count("\n"), folders, unread),
        )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project in a folder with a space in its name."""
    root = tmp_path / "my project"
    root.mkdir()
    return Project(root)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Names of the files that Python opens meanwhile."""
    names: list[str] = []
    watching = Event()
    watching.set()

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and watching.is_set():
            names.append(str(arguments[0]))

    sys.addaudithook(watch)  # cannot be taken away again
    yield names
    watching.clear()
