"""The shipped model in an open project: what its files say is offered, and no more than that."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, StartEditor

CALL = "    frobnicator.reticulate_splines(quux_depth=17)\n"
OTHER = "".join(f"def step_{number}(frobnicator):\n{CALL}\n" for number in range(6))
TYPED = "def last(frobnicator):\n    frobnicator.reticul"
PLACE = (1, len("    frobnicator.reticul"))


@pytest.fixture
def begin(start_editor: "StartEditor") -> "Callable[..., Editor]":
    """Gives an editor with the shipped model, in a project with one other file that is read."""

    def start(other: str = OTHER, **settings: Any) -> "Editor":
        editor = start_editor()
        (editor.root / "other.py").write_text(other)
        editor.initialize(settings)
        editor.wait_status("ready")
        if settings.get("project", True):
            wait_until_read(editor)
        return editor

    return start


def wait_until_read(editor: "Editor") -> None:
    """Return once the project has been read."""
    deadline = time.monotonic() + 30
    while not editor.client.request("lory/statistics", None, 10).result["project"]["whole"]:
        assert time.monotonic() < deadline, "the project is never read"
        time.sleep(0.05)


def test_a_name_of_another_file_is_completed_and_not_without_that_file(
    begin: "Callable[..., Editor]",
) -> None:
    editor = begin()
    editor.open(TYPED)
    assert editor.ask(*PLACE) == ["ate_splines(quux_depth=17)"]
    for settings in ({"project": False}, {"cache_model": False}):
        editor = begin(**settings)
        editor.open(TYPED)
        assert "ate_splines(quux_depth=17)" not in editor.ask(*PLACE)


def test_text_that_was_deleted_does_not_come_back_from_the_disk(
    begin: "Callable[..., Editor]",
) -> None:
    editor = begin(other="x = 1\n")
    text = OTHER + TYPED
    (editor.root / "a.py").write_text(text)
    line = text.count("\n")
    editor.open(text)
    assert editor.ask(line, PLACE[1]) == ["ate_splines(quux_depth=17)"]
    whole = {"text": TYPED}
    document = {"uri": editor.uri("a.py"), "version": 2}
    editor.client.notify(
        "textDocument/didChange", {"textDocument": document, "contentChanges": [whole]}
    )
    assert "ate_splines(quux_depth=17)" not in editor.ask(*PLACE)


def test_an_open_file_answers_as_it_stands_in_the_editor(begin: "Callable[..., Editor]") -> None:
    editor = begin()
    editor.open(OTHER.replace("quux_depth=17", "quux_width=23"), "other.py")
    editor.open(TYPED)
    deadline = time.monotonic() + 20
    while (found := editor.ask(*PLACE)) != ["ate_splines(quux_width=23)"]:
        assert "ate_splines(quux_depth=17)" not in found
        assert time.monotonic() < deadline, f"the open file is never read: {found}"
        editor.type(" ", 0, 0)
        time.sleep(0.1)


def test_a_person_who_asks_gets_several_suggestions_and_typing_gets_one(
    begin: "Callable[..., Editor]",
) -> None:
    editor = begin()
    editor.open("import os\n\nfor name in os.")
    assert len(editor.ask(2, 15)) <= 1
    params = {
        "textDocument": {"uri": editor.uri("a.py")},
        "position": {"line": 2, "character": 15},
        "context": {"triggerKind": 1},
    }
    asked = editor.client.request("textDocument/inlineCompletion", params, 20).result["items"]
    texts = [item["insertText"] for item in asked]
    assert 2 <= len(texts) == len(set(texts)) <= 3
