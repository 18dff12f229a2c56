"""Ghost text in real VS Code: how it comes, is taken, and what the file then holds."""

from collections.abc import Callable

import pytest

from tests.editors.vscode.conftest import OpenWindow, Script
from tests.scripted import Rules

WriteScript = Callable[[Rules], Script]
TEXT = "def add(a, b):\n    \n"
RULES: Rules = [{"after": "ret", "completion": "urn a + b", "logprob": -0.1}]


def test_the_shipped_model_writes_ahead_and_tab_takes_it(open_window: OpenWindow) -> None:
    window = open_window("")
    window.ready()
    window.go(1)
    window.type("if __name__ == ")
    window.expect('"__main__":')

    window.press("Tab")

    window.expect_file('if __name__ == "__main__":')


def test_in_a_string_that_the_editor_has_closed_the_quote_is_not_doubled(
    open_window: OpenWindow,
) -> None:
    window = open_window("")
    window.ready()
    window.go(1)
    window.type('if __name__ == "')
    window.expect("__main__")

    window.press("Tab")

    window.expect_file('if __name__ == "__main__"')


def test_a_word_and_a_line_are_taken_by_their_keys(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    script = write_script([{"after": "x = ", "completion": "one + two\ny = three\n"}])
    window = open_window("x\n", **script.options, max_lines=3)
    window.ready()
    window.go(1)
    window.type(" = ")
    window.expect("one + two")

    window.press("Control+ArrowRight")
    window.expect(" + two")
    window.press("Control+Alt+ArrowRight")

    window.expect_file("x = one + two\n")


def test_typing_along_keeps_the_text_and_typing_otherwise_takes_it_away(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    script = write_script([{"after": "x = ", "completion": "first(a)\n"}])
    window = open_window("x\n", **script.options)
    window.ready()
    window.go(1)
    window.type(" = ")
    window.expect("first(a)")

    window.type("fir")
    window.expect("st(a)")
    window.type("Z")
    window.expect("")

    window.expect_file("x = firZ\n")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_several_lines_are_shown_and_taken_together_and_the_file_keeps_its_line_ends(
    open_window: OpenWindow, write_script: WriteScript, end: str
) -> None:
    body = "\n    total = a + b\n    return total"
    script = write_script([{"after": "def add(a, b):", "completion": body}])
    window = open_window(f"def add(a, b){end}print(1){end}", **script.options)
    window.ready()
    window.go(1)
    window.type(":")
    window.until(
        "both lines", lambda: "total = a + b" in window.ghost() and "return" in window.ghost()
    )

    window.press("Tab")

    window.save()
    text = "def add(a, b):\n    total = a + b\n    return total\nprint(1)\n"
    right = text.replace("\n", end).encode()
    window.until(f"{right!r}", lambda: window.file.read_bytes() == right)


def test_a_line_that_is_not_ascii_is_completed_at_the_cursor(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    script = write_script([{"after": "'é😋' + ", "completion": "naïve('ü')\n"}])
    window = open_window("x = 'é😋'\n", **script.options)
    window.ready()
    window.go(1)
    window.type(" + ")
    window.expect("naïve('ü')")

    window.press("Tab")

    window.expect_file("x = 'é😋' + naïve('ü')\n")


def test_with_the_menu_open_the_text_goes_on_from_its_entry(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    script = write_script([{"after": "value_one", "completion": ".strip()\n"}])
    window = open_window("value_one = 1\n\n", **script.options)
    window.ready()
    window.go(2)
    window.type("val")
    window.page.wait_for_selector(".suggest-widget.visible .monaco-list-row.focused")

    window.expect("ue_one.strip()")
    window.press("Tab")  # the menu's entry
    window.expect(".strip()")
    window.press("Tab")

    window.expect_file("value_one = 1\nvalue_one.strip()\n")
