"""The server reads the workspace's other files, and only what may be read."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lsp_server.contract.languages.profiles import glob_of_sources

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

PATIENCE = 20.0
WATCHING = {
    "workspace": {
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "configuration": True,
        "workspaceFolders": True,
    },
    "experimental": {"loryStatus": True},
    "textDocument": {"inlineCompletion": {}},
}


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """An engine that is asked nothing."""
    return write_script([])


def project(editor: "Editor") -> Any:
    """What the server tells of the project."""
    return editor.client.request("lory/statistics", None, 10).result["project"]


def eventually(check: Callable[[], bool]) -> bool:
    """Whether something comes true within a while."""
    deadline = time.monotonic() + PATIENCE
    while not check() and time.monotonic() < deadline:
        time.sleep(0.05)
    return check()


def start(editor: "Editor", script: "Script", **options: Any) -> None:
    """Begin a session, and wait for the model."""
    editor.initialize({**script.options, **options}, WATCHING)
    editor.wait_status("ready")


def holds(editor: "Editor", files: int) -> bool:
    """Whether the whole project has been read, and has so many files."""
    return eventually(lambda: project(editor)["whole"] and project(editor)["files"] == files)


def test_files_of_the_folder_are_read_and_changes_followed(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor(configuration={"lory": {"exclude": ["private"]}})
    for name in ("a.py", "b.pyi", "c.txt", "private/d.py", "build/e.py"):
        (editor.root / name).parent.mkdir(exist_ok=True)
        (editor.root / name).write_text(f"name = '{name}'\n")
    start(editor, script)
    assert holds(editor, 2)
    (editor.root / "new.py").write_text("x = 1\n")
    (editor.root / "a.py").unlink()
    (editor.root / "b.pyi").unlink()
    changes = [
        {"uri": editor.uri(name), "type": kind}
        for name, kind in (("new.py", 1), ("a.py", 3), ("b.pyi", 3), ("private/d.py", 2))
    ]
    editor.client.notify("workspace/didChangeWatchedFiles", {"changes": changes})
    assert holds(editor, 1)
    editor.open("x = 2\n", "made.py")
    (editor.root / "made.py").write_text("x = 2\n")
    editor.client.notify("textDocument/didClose", {"textDocument": {"uri": editor.uri("made.py")}})
    assert holds(editor, 2)


def test_turned_off_nothing_is_read(start_editor: "StartEditor", script: "Script") -> None:
    editor = start_editor(configuration={"lory": {"project": False}})
    start(editor, script)
    assert project(editor) is None


def test_other_folders_are_read_once_they_belong_to_the_workspace(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    other = editor.root.parent / "other"
    other.mkdir()
    for number in range(3):
        (other / f"{number}.py").write_text(f"x = {number}\n")
    start(editor, script)
    assert holds(editor, 0)
    for added, removed, files in (([other], [editor.root], 3), ([editor.root], [other], 0)):
        event = {
            name: [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
            for name, folders in (("added", added), ("removed", removed))
        }
        editor.client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
        assert holds(editor, files)


def test_the_client_is_asked_to_watch_source_files(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    asked: list[Any] = []
    editor.client.handlers["client/registerCapability"] = asked.append
    start(editor, script)
    assert eventually(lambda: bool(asked))
    [registered] = asked[0]["registrations"]
    watchers = registered["registerOptions"]["watchers"]
    assert [watcher["globPattern"] for watcher in watchers] == [glob_of_sources()]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_reading_ends_with_a_server_that_is_killed(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    for number in range(3000):
        (editor.root / f"{number}.py").write_text(f"name_{number} = {number}\n" * 20)
    start(editor, script)
    server = editor.client.process.pid
    assert eventually(lambda: bool(children(server)))
    [reader] = children(server)
    assert eventually(lambda: os.getpriority(os.PRIO_PROCESS, reader) == 19)
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: not Path(f"/proc/{reader}").exists())


def children(parent: int) -> list[int]:
    """Processes that a process has started, as Linux tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, ppid = path.read_text().rpartition(")")[2].split()[:2]
            found += [int(path.parent.name)] if int(ppid) == parent and state != "Z" else []
    return found
