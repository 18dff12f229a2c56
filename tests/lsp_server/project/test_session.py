"""What a session tells the project: what may be read, what is open, what was changed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lsp_server.completion.worker.pending import State
from lsp_server.protocol.session import Session

PATIENCE = 20.0


class Told:
    """What an editor would show."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.messages: list[str] = []

    def show(self, state: State) -> None:
        self.states.append(state.name)

    def repeat(self, state: State) -> None:
        pass


async def eventually(check: Callable[[], bool]) -> bool:
    """Whether something comes true within a while."""
    for _ in range(int(PATIENCE / 0.02)):
        if check():
            return True
        await asyncio.sleep(0.02)
    return check()


def project(session: Session) -> Any:
    return session.completer.statistics()["project"]


def holds(session: Session, files: int) -> bool:
    told = project(session)
    return bool(told and told["whole"] and told["files"] == files)


@pytest.mark.asyncio
async def test_nothing_is_read_before_it_is_known_what_may_be(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(f"name = '{name}'\n")
    told = Told()
    session = Session(told, told.messages.append)
    session.folders = [tmp_path.as_uri()]
    session.begin(None)
    try:
        session.configure()  # the client has not told its settings yet; the model loads
        assert await eventually(lambda: "ready" in told.states)
        await asyncio.sleep(0.3)
        assert project(session) == {"files": 0, "tokens": 0, "whole": False}
        session.configure({"exclude": ["a.py"]})
        session.serve()
        assert await eventually(lambda: holds(session, 1))
        session.configure({"exclude": ["*.py"]})
        assert await eventually(lambda: holds(session, 0))
        session.configure({"enabled": False})
        assert await eventually(lambda: project(session) is None)
        session.configure()
        assert await eventually(lambda: holds(session, 2))
        assert not told.messages
    finally:
        session.end()


@pytest.mark.asyncio
async def test_documents_that_are_opened_edited_and_closed_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("alpha = 1\n")
    uri, told = (tmp_path / "a.py").as_uri(), Told()
    session = Session(told, told.messages.append)
    session.folders = [tmp_path.as_uri()]
    session.begin(None)
    try:
        session.configure()
        session.serve()
        workspace = session.workspace
        name = workspace.name(uri)
        session.open(uri, "python", "alpha = 2\n")
        opened = workspace.notes.open[name]
        assert workspace.text(name) == "alpha = 2\n"
        session.edit(uri, ["beta"])
        assert workspace.notes.open[name] > opened
        assert workspace.text(name) == "beta"
        session.edit("file:///elsewhere.py", ["never opened"])
        assert list(workspace.notes.open) == [name]
        session.close(uri)
        assert (list(workspace.notes.open), list(workspace.notes.stale)) == ([], [name])
        assert workspace.text(name) is None
        session.open(uri, "python", "alpha")
        session.configure({"exclude": ["a.py"]})
        assert workspace.text(name) is None
    finally:
        session.end()
