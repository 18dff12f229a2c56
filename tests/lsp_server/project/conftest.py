"""A project on the disk with an index that follows it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.contract.recall import LADDER
from lsp_server.project.following import Following
from lsp_server.project.index.store import ProjectIndex
from lsp_server.project.index.view import ProjectView
from lsp_server.project.workspace import Workspace
from lsp_server.settings import Settings

PATIENCE = 20.0
TOKENIZER = Settings().bundle_folder / "tokenizer.json"


def eventually(check: Callable[[], bool]) -> bool:
    """Whether something comes true within a while."""
    deadline = time.monotonic() + PATIENCE
    while not check() and time.monotonic() < deadline:
        time.sleep(0.02)
    return check()


@dataclass
class Project:
    """A folder, what an editor has open in it, and its index."""

    root: Path
    texts: dict[str, str] = field(default_factory=dict)
    reports: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workspace = Workspace(lambda uri: self.texts.get(uri))
        self.index = ProjectIndex(self.workspace)
        self.tokenizer = LineTokenizer(load_tokenizer(TOKENIZER))
        self.following = Following(self.index, self.tokenizer, str(TOKENIZER), self.reports.append)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def start(self, **settings: Any) -> None:
        """Follow the folder under these settings, with Python being written."""
        self.workspace.use("python")
        self.workspace.begin([self.root.as_uri()], Settings(**settings))
        self.following.start()

    def begin(self, **settings: Any) -> None:
        """The same, and wait until it has been read."""
        self.start(**settings)
        assert eventually(self.has_been_read)

    def has_been_read(self) -> bool:
        return self.index.is_whole

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    def open(self, name: str, text: str) -> None:
        self.texts[self.uri(name)] = text
        self.workspace.open(self.uri(name))

    def edit(self, name: str, text: str) -> None:
        self.texts[self.uri(name)] = text
        self.workspace.edit(self.uri(name))

    def close(self, name: str) -> None:
        del self.texts[self.uri(name)]
        self.workspace.close(self.uri(name))

    def goes_on(self, text: str, most: int = 1, without: str = "current.py") -> str:
        """What the project says after a text, token by token, by its longest match."""
        view = self.index.view(self.uri(without))
        context = self.tokenizer.encode(text).ids
        found: list[int] = []
        while len(found) < most and (rungs := view.rungs([*context, *found])):
            counts = rungs[-1].counts
            found.append(max(counts, key=counts.__getitem__))
        return str(load_tokenizer(TOKENIZER).decode(found))

    def says(self, text: str, follows: str, without: str = "current.py") -> bool:
        """Whether somewhere in the project one text follows another at full length."""
        view = self.index.view(self.uri(without))
        context = self.tokenizer.encode(text).ids
        whole = self.tokenizer.encode(text + follows).ids
        assert whole[: len(context)] == context, "choose texts that are cut at a token's edge"
        return all(stands(view, whole[:at], whole[at]) for at in range(len(context), len(whole)))


def stands(view: ProjectView, context: Sequence[int], token: int) -> bool:
    """Whether a token stands in the project after as much of a context as is told apart."""
    rungs = view.rungs(context)
    reach = max(step for step in LADDER if step <= len(context))
    return bool(rungs) and rungs[-1].length == reach and token in rungs[-1].counts


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty project; `begin` has it read."""
    root = tmp_path / "project"
    root.mkdir()
    project = Project(root)
    yield project
    project.following.end()
    assert eventually(lambda: project.following.files.process is None)
