"""Ghost text in real VS Code: how it comes, is taken, and what the file then holds."""

from collections.abc import Callable

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
