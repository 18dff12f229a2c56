"""Related text in a real server: what the plugins find stands in the prompt, and stays there."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

API = 'def connect(host, port=80):\n    """Open a line."""\n    return host\n'
SIMILAR = "for message in queue.pending_messages():\n    message.publish()\n"
MAIN = "from api import connect\n\n\nfor message in queue.pending_messages():\n    connect"
EVERY = ["imports", "edits", "similar", "file"]


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """One rule that always fits."""
    return write_script([{"after": "", "completion": "(1)"}])


@pytest.fixture
def editor(start_editor: "StartEditor") -> "Editor":
    """An editor in a workspace of three files."""
    editor = start_editor()
    for name, text in (("api.py", API), ("similar.py", SIMILAR), ("a.py", "the disk's")):
        (editor.root / name).write_text(text)
    return editor


def test_imports_edits_and_similar_text_stand_before_the_file_and_stay_while_one_types(
    editor: "Editor", script: "Script"
) -> None:
    editor.initialize({**script.options, "contexts": EVERY})
    editor.open("x = 1\n", "edited.py")
    editor.type("y = 2", 1, 0, "edited.py")
    editor.open(MAIN)
    for at, key in enumerate("(2, 3)"):
        editor.ask(4, 11 + at)
        editor.type(key, 4, 11 + at)
    related = [asked["prefix"].partition(MAIN)[0] for asked in script.asked]
    assert len(related) > 3
    assert len(set(related)) == 1
    [text] = set(related)
    assert '# api.py\ndef connect(host, port=80):\n    """Open a line."""\n' in text
    assert "# edited.py\ny = 2\n" in text
    assert "# similar.py\n" + SIMILAR in text
    assert "the disk's" not in text


def test_each_piece_can_be_turned_off_alone_and_excluded_files_are_not_read(
    editor: "Editor", script: "Script"
) -> None:
    editor.initialize(
        {**script.options, "contexts": ["similar", "file"], "exclude": ["similar.py"]}
    )
    editor.open(MAIN)
    editor.ask(4, 11)
    [asked] = script.asked
    assert "message.publish" not in asked["prefix"]
    assert '"""Open a line."""\n    return host' in asked["prefix"]  # api.py, whole


def test_without_the_plugins_nothing_but_the_file_is_in_the_prompt(
    editor: "Editor", script: "Script"
) -> None:
    editor.initialize({**script.options, "contexts": ["file"]})
    editor.open(MAIN)
    editor.ask(4, 11)
    assert script.asked[0]["prefix"] == MAIN
