"""The shipped model at places as people meet them, in VS Code as it comes."""

import pytest

from tests.editors.places import Place, read_places
from tests.editors.vscode.conftest import OpenWindow, Window

SETTLED = 1500
"""Milliseconds after which an answer would have been shown."""


def ask(window: Window, place: Place) -> None:
    """Put the cursor at a place, and type what is left to type or ask by the command for it."""
    before, _ = place.start
    window.page.click(".monaco-editor .view-lines")
    line = before.rpartition("\n")[2]
    window.press("Control+Home", *["ArrowDown"] * before.count("\n"), "Home", "Home")
    if line and not line.strip():  # the first Home went behind the indentation, the second before
        window.press("End")
    else:
        window.press(*["ArrowRight"] * len(line))
    if place.asked:
        window.command("Trigger Inline Suggestion")
    else:
        window.type(place.typed)


def take(window: Window, ghost: str) -> None:
    """Take a ghost text by Tab; where VS Code's own list of words is open too, it has the first."""
    window.page.wait_for_timeout(SETTLED)
    if window.page.locator(".suggest-widget.visible").count():
        window.press("Tab")
        window.until(
            "the rest", lambda: ghost.removesuffix(window.ghost() or "?") not in ("", ghost)
        )
    window.press("Tab")


@pytest.mark.parametrize("place", read_places(), ids=lambda place: place.title)
def test_what_is_taken_leaves_a_right_line(open_window: OpenWindow, place: Place) -> None:
    window = open_window("".join(place.start_unclosed).replace("\n", place.line_end))
    window.ready()
    ask(window, place)
    if place.gives:
        window.expect(place.gives.replace("\n", ""))
        take(window, place.gives.replace("\n", ""))
    else:
        window.page.wait_for_timeout(SETTLED)
        window.expect("")
    window.expect_file(place.end)
    assert window.file.read_bytes() == place.end.replace("\n", place.line_end).encode()
