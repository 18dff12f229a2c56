"""The replay's VS Code against the real one: the same keys leave the same text."""

from lsp_server.bench.editors import BACKSPACE, ENTER, Caret
from lsp_server.bench.editors.vscode import VisualStudioCode
from tests.editors.vscode.conftest import OpenWindow, Window

DEFAULTS = {
    "editor.autoClosingBrackets": "languageDefined",
    "editor.autoClosingQuotes": "languageDefined",
    "enabled": False,
}
KEYS = [
    "f(a",
    "f(a)",
    "f([1",
    'x = "a',
    'x = "a"',
    "x = f'a",
    "it's",
    'x = "it\'s"',
    '"""a',
    '# a "b (c',
    "# it's",
    "x = 'a(b",
    'x = ""',
    'x["a"]',
    "if x:\ny",
    "def f(a):\ny\n\nz",
    "f(\na",
    "f(a,\nb",
    "x = [\n1,\n2",
    "if x:\ny\n\bz",
    "class A:\ndef f(self):\n\b\bx",
    "x = {'a': [1, (2, \"b",
    'print(f"{a',
    "x = r'a\\'b",
]
"""Keys as they are pressed; a bracket or a quote may be typed over."""
PATIENCE = 30
"""Times that the file is saved and looked at."""
PAUSES = (0, 100, 1000)
"""Milliseconds between two keys, of each try: before VS Code has read a line's language it closes
and indents nothing, which on a busy machine takes longer than the next key."""


def model_text(keys: str) -> str:
    """What the replay's rules make of the keys, in an empty document."""
    rules = VisualStudioCode("    ")
    before, after, known, given = "", "", 0, False
    for key in keys:
        stroke = rules.press(Caret(before, after, closed=known > 0, given=given), key)
        given = key == ENTER and len(stroke.text) > 1
        before = before[: len(before) - stroke.back] + stroke.text
        after = stroke.behind + after[stroke.over :]
        known += (len(stroke.behind) if key != ENTER else 0) - stroke.over
        known = 0 if key == ENTER else known
    return before + after


def text_after(window: Window, keys: str, expected: str, pause: int) -> str:
    """What is saved once the keys are pressed in an empty document, `pause` ms between two."""
    window.press("Control+a", "Delete")
    for key in keys:
        window.page.wait_for_timeout(pause)
        if key in (ENTER, BACKSPACE):
            window.press({ENTER: "Enter", BACKSPACE: "Backspace"}[key])
        else:
            window.type(key)
    found = ""
    for _ in range(PATIENCE):
        window.save()
        window.page.wait_for_timeout(100)
        if (found := window.file.read_text(encoding="utf-8")) == expected:
            break
    return found


def test_the_same_keys_leave_the_same_text_as_in_the_replay(open_window: OpenWindow) -> None:
    window = open_window("", **DEFAULTS)
    window.page.click(".monaco-editor .view-lines")
    different = []
    for keys in KEYS:
        expected = model_text(keys)
        for pause in PAUSES:
            found = text_after(window, keys, expected, pause)
            if found == expected:
                break
        else:
            different.append((keys, found, expected))
    assert not different, "\n".join(map(repr, different))
