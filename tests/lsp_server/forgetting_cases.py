"""What is excluded is found nowhere afterwards: a sentinel is looked for in the whole process."""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsp_server.contract.feedback_store import PATH_VARIABLE
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.settings import Settings
from tests.inner_editor import InnerEditor

WORD = "_".join(("zq", "vexing", "quokka", "77"))
"""Stands in no file of this repository as a whole."""
IDS = load_tokenizer(Settings().bundle_folder / "tokenizer.json").encode(WORD).ids[1:]
UNTOLD = ("frame", "list_iterator", "list")
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


def write_project(root: Path) -> None:
    (root / "private").mkdir(parents=True)
    (root / "private" / "__init__.py").touch()
    (root / "private" / "closed.py").write_text(f"def load():\n    return {WORD}\n")
    (root / "public.py").write_text("def save():\n    return 1\n")


async def work_in(editor: InnerEditor) -> None:
    """Let the text get wherever it gets in a day's work."""
    editor.begin()
    await editor.until(editor.is_at_rest)
    editor.open("private/open.py", f"class A:\n    name = {WORD}\n\n\nclass B:\n    name = \n")
    editor.open("current.py", "from private import closed\n\nvalue = closed.load(\n\n")
    editor.change("private/open.py", (3, 0), f"other = {WORD}\n")
    await editor.answered(editor.ask("current.py", 2, 20))
    await editor.until(editor.is_at_rest)
    await editor.answered(editor.ask("private/open.py", 6, 11))
    await editor.until(editor.is_at_rest)
    editor.change("current.py", (3, 0), "x = zq_vex")
    await editor.answered(editor.ask("current.py", 3, 10))
    await editor.until(editor.is_at_rest)
    number = editor.ask("private/open.py", 6, 11)  # an offer on show while the rules change
    await editor.answered(number)
    await editor.until(editor.is_at_rest)


CHANGES: dict[str, Callable[[InnerEditor], None]] = {
    "exclude": lambda editor: editor.configure(exclude=["private/**"]),
    "faulty": lambda editor: editor.configure(exclude=["[z-a]"]),
    "languages": lambda editor: editor.configure(languages={}),
    "enabled": lambda editor: editor.configure(enabled=False),
}


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where feedback is kept."""
    path = tmp_path / "data" / "feedback.sqlite"
    monkeypatch.setenv(PATH_VARIABLE, str(path))
    return path


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that is logged, but for the library's own lines, as in a server."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.CRITICAL, "pygls")
    return caplog


def assert_not_written(database: Path, log: pytest.LogCaptureFixture) -> None:
    for path in database.parent.glob("*"):
        assert WORD.encode() not in path.read_bytes(), path
    assert WORD not in log.text


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_excluded_is_found_nowhere(
    change: str, tmp_path: Path, database: Path, log: pytest.LogCaptureFixture
) -> None:
    write_project(tmp_path / "p")
    editor = InnerEditor(tmp_path / "p", SETTINGS)
    found: list[str] = []

    async def handle_messages() -> None:
        await work_in(editor)
        held = {trace.partition(" ")[0] for trace in traces_of_the_word(())}
        assert held >= {"str", "tuple", "bytes", "ndarray"}, "it is in texts and in the index"
        assert WORD.encode() in editor.sent.getvalue(), "it is in answers"
        heard = editor.sent.tell()
        CHANGES[change](editor)
        session = editor.server.session
        if session.settings.enabled:
            await editor.until(editor.is_at_rest)
            await editor.answered(editor.ask("current.py", 3, 10))
        await editor.until(
            lambda: session.settings.enabled or session.completer.model_of("python") is None
        )
        await asyncio.sleep(0.5)  # jobs of the worker's thread, rows of the database's
        found.extend(traces_of_the_word(locals_of_threads()))
        assert WORD[6:].encode() not in editor.sent.getvalue()[heard:], "it is in answers"
        session.end()

    asyncio.run(handle_messages())
    assert not found, "\n".join(found)
    assert_not_written(database, log)


OTHER_NAMES = ("pub/closed.py", "one.py", "private/closed.py", "private/../pub/closed.py")
HARD_LINK = "two.py"


async def look_through_other_names(editor: InnerEditor) -> None:
    """Open and touch an excluded file by each of its names, and write where it would come in."""
    editor.begin()
    await editor.until(editor.is_at_rest)
    for name in OTHER_NAMES:
        editor.open(name, (editor.root / "private" / "closed.py").read_text())
    editor.open("current.py", "from pub import closed\nfrom one import load\n\nx = zq_vex\n")
    for name, line, column in (("current.py", 3, 10), *((each, 1, 11) for each in OTHER_NAMES)):
        await editor.answered(editor.ask(name, line, column))
        number = editor.request("lory/explain", {"textDocument": {"uri": editor.uri(name)}})
        await editor.answered(number)
    for name in OTHER_NAMES:
        editor.close(name)
    changes = [{"uri": editor.uri(name), "type": 2} for name in (*OTHER_NAMES, HARD_LINK)]
    editor.send("workspace/didChangeWatchedFiles", {"changes": changes})
    await editor.until(lambda: not editor.server.session.workspace.notes.stale)
    await editor.answered(editor.ask("current.py", 3, 10))


@pytest.mark.slow
@pytest.mark.parametrize("glob", ["private/**", "**/PRIVATE/*.{py,pyi}"])
def test_what_was_excluded_from_the_start_comes_in_by_no_other_name(
    glob: str, tmp_path: Path, database: Path, log: pytest.LogCaptureFixture
) -> None:
    write_project(root := tmp_path / "p")
    (root / "pub").symlink_to(root / "private")
    (root / "one.py").symlink_to(root / "private" / "closed.py")
    os.link(root / "private" / "closed.py", root / HARD_LINK)
    editor = InnerEditor(root, {**SETTINGS, "exclude": [glob]})
    found: list[str] = []

    async def handle_messages() -> None:
        await look_through_other_names(editor)
        await asyncio.sleep(0.5)
        found.extend(traces_of_the_word(locals_of_threads()))
        editor.server.session.end()

    asyncio.run(handle_messages())
    assert not found, "\n".join(found)
    assert WORD[6:].encode() not in editor.sent.getvalue()
    assert_not_written(database, log)
