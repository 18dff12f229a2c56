"""The shipped model, a real server, and text behind the cursor: what is offered fits in."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, StartEditor

MAIN = "def main():\n    print(1)\n\n\nif __name__ == "
KEY = 'import os\n\nHOME = os.environ["LLM_USER_PATH"]\n\n\ndef test_home(monkeypatch):\n'


@pytest.fixture
def editor(start_editor: "StartEditor") -> "Editor":
    """An editor with the shipped model and its default settings, in an empty folder."""
    editor = start_editor()
    editor.initialize({})
    editor.wait_status("ready")
    return editor


def offers(editor: "Editor", text: str, *, asked: bool) -> list[str]:
    """What is offered at the cursor ¦ of a text, as its only open document."""
    before, after = text.split("¦")
    editor.open(before + after)
    found = editor.ask(before.count("\n"), len(before.rpartition("\n")[2]), asked=asked)
    document = {"textDocument": {"uri": editor.uri("a.py")}}
    editor.client.notify("textDocument/didClose", document)
    return found


def test_while_one_types_a_suggestion_fits_before_the_rest_of_its_line(editor: "Editor") -> None:
    assert offers(editor, MAIN + '"¦"', asked=False) == ["__main__"]
    assert offers(editor, MAIN + '"¦":\n    main()\n', asked=False) == ["__main__"]
    text = "class Account:\n    def __in¦(self):\n        pass\n"
    assert offers(editor, text, asked=False) == ["it__"]
    assert offers(editor, "def greet(name):\n    na¦me\n", asked=False) == []


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (KEY + '    monkeypatch.setenv("LLM_USER_PA¦")\n', {"TH"}),
        ("import os\n\n\ndef f(a, b):\n    return os.pa¦.join(a, b)\n", {"th"}),
        ('def f(path):\n    with open(path, "¦") as handle:\n        pass\n', {"w", None}),
        ("def test(response):\n    assert response.status_code == ¦200\n", {None}),
        ('def greet(name):\n    print(f"{na¦}")\n', {"me"}),
        ("def greet(name):\n    na¦me\n", {None}),
        ("import numpy as ¦\n", {"np"}),
        ("import pandas as ¦\n", {"pd"}),
        ("import pandas as ¦", {"pd"}),
    ],
)
def test_one_who_asks_gets_what_fits_first_however_short(
    editor: "Editor", text: str, allowed: set[str | None]
) -> None:
    found = offers(editor, text, asked=True)
    assert (found[0] if found else None) in allowed
    rest = text.split("¦")[1].partition("\n")[0]
    assert not any(rest and rest in offer for offer in found)


def test_alternatives_end_in_no_blanks_and_differ_in_more_than_those(editor: "Editor") -> None:
    found = offers(editor, MAIN + "'__main__':\n    ¦", asked=True)
    assert found[0] == "main()"
    assert len({offer.strip() for offer in found}) == len(found) > 1
    assert all(offer == offer.rstrip() for offer in found)


def test_several_alternatives_leave_the_first_as_likely_as_it_is_alone(
    start_editor: "StartEditor",
) -> None:
    told = []
    for alternatives in (1, 3):
        editor = start_editor()
        editor.initialize({"alternatives": alternatives})
        editor.wait_status("ready")
        before = MAIN + "'__main__':\n    "
        editor.open(before)
        assert editor.ask(before.count("\n"), 4, asked=True)
        told.append(editor.explain()["summary"].removeprefix("Shown: ").rstrip(".").split("; ")[0])
    assert told[0] == told[1]


def test_it_is_told_why_nothing_fits(editor: "Editor") -> None:
    text = "def greet(name):\n    na¦me\n"
    before, after = text.split("¦")
    editor.open(before + after)
    assert editor.ask(1, 6, asked=True) == []
    assert (
        editor.explain()["summary"]
        == "Nothing was shown: the cursor stands in the middle of a word."
    )
