"""Documents that are larger than a person writes them, and positions that are nowhere."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

RULES: list[dict[str, Any]] = [{"after": "ret", "completion": "urn total"}]


@pytest.fixture
def editor(start_editor: "StartEditor", write_script: "Callable[[Rules], Script]") -> "Editor":
    """An editor with these rules."""
    editor = start_editor()
    editor.initialize(write_script(RULES).options)
    editor.wait_status("ready")
    return editor


@pytest.mark.alone
def test_two_hundred_thousand_lines_are_edited_and_completed(
    editor: "Editor", measure: Callable[[Callable[[], object]], float]
) -> None:
    editor.open("total = total + 1\n" * 200_000)
    editor.type("\nret", 149_999, len("total = total + 1"))
    assert editor.ask(150_000, 3) == ["urn total"]

    def edit_and_ask() -> None:
        editor.type("x", 10, 0)
        editor.ask(0, 0, "unopened.py")

    assert measure(edit_and_ask) < 0.1


def test_one_line_of_five_megabytes_is_edited_and_completed(editor: "Editor") -> None:
    editor.open("x = '" + "é " * 2_500_000)
    editor.type("ret", 0, 4_000_000)  # before a space
    assert editor.ask(0, 4_000_003) == ["urn total"]


def test_positions_that_are_nowhere_are_moved_into_the_text(editor: "Editor") -> None:
    editor.open("\U0001f60b\nret")
    editor.type("a", 0, 1)  # between the two halves of a surrogate pair
    editor.type("b", 7, 7)
    assert editor.ask(1, 99) == []
    editor.type("\nret", 99, 0)
    assert editor.ask(2, 99) == ["urn total"]
    span = {"start": {"line": 2, "character": 3}, "end": {"line": 2, "character": 3}}
    [item] = editor.wait(editor.start(9, 9)).result["items"]
    assert item["range"] == span
