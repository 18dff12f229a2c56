"""What is excluded is found nowhere afterwards: a sentinel is looked for in the whole process."""

import asyncio
import gc
import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsp_server.contract.feedback_store import PATH_VARIABLE
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.protocol.handlers import create_server
from lsp_server.protocol.pygls_server import LoryServer
from lsp_server.protocol.wire.transport import Output
from lsp_server.settings import Settings

WORD = "_".join(("zq", "vexing", "quokka", "77"))
"""Stands in no file of this repository as a whole."""
IDS = load_tokenizer(Settings().bundle_folder / "tokenizer.json").encode(WORD).ids[1:]
UNTOLD = ("frame", "list_iterator", "list")
PATIENCE = 30.0
SETTINGS = {
    "feedback": True,
    "feedback_text": True,
    "contexts": ["file", "imports", "edits", "similar"],
    "log_level": "debug",
    "min_probability": 0,
    "min_characters": 1,
}


def traces_of_the_word(also: Iterable[Any]) -> list[str]:
    """What this process holds of the word, in texts, in bytes and as token ids."""
    gc.collect()
    waiting: list[Any] = [*gc.get_objects(), *also]
    seen, found = {id(waiting), id(IDS)}, []
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if holds_the_word(item):
            found.append(f"{type(item).__name__} {str(item)[:60]!r} of {owners_of(item)}")
        elif not issubclass(type(item), str | bytes | int | float | type):  # asks the item nothing
            waiting += (each for each in gc.get_referents(item) if id(each) not in seen)
    return found


def owners_of(item: Any) -> str:
    """One way to an object, for people."""
    names = []
    for _ in range(8):
        owners = [each for each in gc.get_referrers(item) if type(each).__name__ not in UNTOLD]
        if not owners:
            break
        item = owners[0]
        names.append(
            type(item).__name__ + (f" {item.f_code.co_qualname}" if hasattr(item, "f_code") else "")
        )
        del owners
    return ", ".join(names)


def locals_of_threads() -> Iterator[Any]:
    """What the functions of every thread that runs have at hand."""
    for frame in sys._current_frames().values():
        while frame is not None:
            if frame.f_globals.get("__name__") != __name__:
                yield from frame.f_locals.values()
            frame = frame.f_back  # type: ignore[assignment]


def holds_the_word(item: Any) -> bool:
    """Whether an object holds the word itself."""
    if type(item) is str:
        return WORD in item and item != WORD
    if type(item) in (bytes, bytearray):
        return WORD.encode() in item or np.array(IDS[::-1], ">u2").tobytes() in item
    if type(item) is np.ndarray and item.dtype.kind in "iu" and item.size >= len(IDS):
        flat = item.ravel()
        starts = np.flatnonzero(flat[: flat.size - len(IDS) + 1] == IDS[0])
        return any(flat[start : start + len(IDS)].tolist() == IDS for start in starts)
    if type(item) in (list, tuple) and len(item) >= len(IDS) and type(item[0]) is int:
        heads = (at for at, each in enumerate(item) if each == IDS[0])
        return any(list(item[head : head + len(IDS)]) == IDS for head in heads)
    return False


class Editor:
    """An editor and the server that it talks to, in this process."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.server: LoryServer = create_server()
        self.sent = BytesIO()
        self.server.protocol.set_writer(Output(self.sent))
        self.number = 0

    def send(self, method: str, params: Any, **identity: int) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params, **identity}
        self.server.take(json.dumps(message).encode())

    def begin(self) -> None:
        ghost: dict[str, Any] = {"textDocument": {"inlineCompletion": {}}}
        folder = {"uri": self.root.as_uri(), "name": "p"}
        params = {"processId": None, "rootUri": None, "capabilities": ghost}
        self.send("initialize", {**params, "workspaceFolders": [folder]}, id=0)
        self.send("initialized", {})
        self.configure()

    def configure(self, **more: Any) -> None:
        self.send("workspace/didChangeConfiguration", {"settings": {"lory": {**SETTINGS, **more}}})

    def open(self, name: str, text: str) -> None:
        document = {"uri": (self.root / name).as_uri(), "languageId": "python", "version": 1}
        self.send("textDocument/didOpen", {"textDocument": {**document, "text": text}})

    def change(self, name: str, line: int, text: str) -> None:
        place = {"line": line, "character": 0}
        change = {"range": {"start": place, "end": place}, "text": text}
        document = {"uri": (self.root / name).as_uri(), "version": 2}
        params = {"textDocument": document, "contentChanges": [change]}
        self.send("textDocument/didChange", params)

    async def ask(self, name: str, line: int, character: int) -> None:
        """Ask for suggestions and wait for the answer."""
        self.number += 1
        params = {
            "textDocument": {"uri": (self.root / name).as_uri()},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 1},
        }
        self.send("textDocument/inlineCompletion", params, id=self.number)
        await self.until(lambda: f'"id": {self.number},'.encode() in self.sent.getvalue())

    async def until(self, check: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not check():
            assert time.monotonic() < deadline, "it does not come true"
            await asyncio.sleep(0.02)

    def is_at_rest(self) -> bool:
        """Whether the model is there, all is read and nobody waits for an answer."""
        completer, notes = self.server.session.completer, self.server.session.workspace.notes
        index = completer.model.project if completer.model else None
        others = [name for name in notes.open if name != notes.current]
        return (
            index is not None
            and index.is_whole
            and all(index.has(name, notes.open[name]) for name in others if self.is_read(name))
            and not completer._pending
        )

    def is_read(self, name: str) -> bool:
        return self.server.session.workspace.text(name) is not None


def write_project(root: Path) -> None:
    (root / "private").mkdir(parents=True)
    (root / "private" / "__init__.py").touch()
    (root / "private" / "closed.py").write_text(f"def load():\n    return {WORD}\n")
    (root / "public.py").write_text("def save():\n    return 1\n")


async def work_in(editor: Editor) -> None:
    """Let the text get wherever it gets in a day's work."""
    editor.begin()
    await editor.until(editor.is_at_rest)
    editor.open("private/open.py", f"class A:\n    name = {WORD}\n\n\nclass B:\n    name = \n")
    editor.open("current.py", "from private import closed\n\nvalue = closed.load(\n\n")
    editor.change("private/open.py", 3, f"other = {WORD}\n")
    await editor.ask("current.py", 2, 20)
    await editor.until(editor.is_at_rest)
    await editor.ask("private/open.py", 6, 11)
    await editor.until(editor.is_at_rest)
    editor.change("current.py", 3, "x = zq_vex")
    await editor.ask("current.py", 3, 10)
    await editor.until(editor.is_at_rest)
    await editor.ask("private/open.py", 6, 11)  # an offer that is on show while the rules change
    await editor.until(editor.is_at_rest)


CHANGES: tuple[Callable[[Editor], None], ...] = (
    lambda editor: editor.configure(exclude=["private/**"]),
    lambda editor: editor.configure(exclude=["[z-a]"]),
    lambda editor: editor.configure(languages={}),
    lambda editor: editor.configure(enabled=False),
)


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES, ids=("exclude", "faulty", "languages", "enabled"))
def test_what_is_excluded_is_found_nowhere(
    change: Callable[[Editor], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = tmp_path / "data" / "feedback.sqlite"
    monkeypatch.setenv(PATH_VARIABLE, str(database))
    write_project(tmp_path / "p")
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "pygls")  # as in `message_loop.run_message_loop`
    editor = Editor(tmp_path / "p")

    found: list[str] = []

    async def handle_messages() -> None:
        await work_in(editor)
        held = {trace.partition(" ")[0] for trace in traces_of_the_word(())}
        assert held >= {"str", "tuple", "bytes", "ndarray"}, "it is in texts and in the index"
        change(editor)
        session = editor.server.session
        if session.settings.enabled:
            await editor.until(editor.is_at_rest)
            await editor.ask("current.py", 3, 10)
        await editor.until(lambda: session.settings.enabled or session.completer.model is None)
        await asyncio.sleep(0.5)  # jobs of the worker's thread, rows of the database's
        found.extend(traces_of_the_word(locals_of_threads()))
        session.end()

    asyncio.run(handle_messages())
    assert not found, "\n".join(found)
    for path in database.parent.glob("*"):
        assert WORD.encode() not in path.read_bytes(), path
    assert WORD not in caplog.text
