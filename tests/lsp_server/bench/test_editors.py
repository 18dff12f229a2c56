"""What editors make of keys, by cases made by hand; ¦ is the cursor."""

import pytest

from lsp_server.bench.editors import BACKSPACE, ENTER, TAB, Caret, EditorRules
from lsp_server.bench.editors.neovim import Neovim
from lsp_server.bench.editors.vscode import VisualStudioCode

VSCODE, NEOVIM = VisualStudioCode("    "), Neovim("    ")


def pressed(rules: EditorRules, text: str, key: str, *, closed: bool = False) -> str:
    """The text and the cursor after a key."""
    before, _, after = text.partition("¦")
    stroke = rules.press(Caret(before, after, closed=closed), key)
    kept = before[: len(before) - stroke.back]
    return f"{kept}{stroke.text}¦{stroke.behind}{after[stroke.over :]}"


@pytest.mark.parametrize(
    ("text", "key", "result"),
    [
        ("f¦", "(", "f(¦)"),
        ("f(¦)", "[", "f([¦])"),
        ("f¦(x)", "(", "f(¦(x)"),
        ("¦name", "(", "(¦name"),
        ("f¦ + 1", "(", "f(¦) + 1"),
        ("x = ¦", '"', 'x = "¦"'),
        ("x = f¦", '"', 'x = f"¦"'),
        ("it¦", "'", "it'¦"),
        ("x = 'a¦'", '"', "x = 'a\"¦'"),
        ('x = ""¦', '"', 'x = """¦'),
        ("# a ¦", '"', '# a "¦"'),
        ("# a ¦", "'", "# a '¦"),
        ("# a ¦", "(", "# a (¦)"),
        ('x = "a ¦"', "(", 'x = "a (¦)"'),
        ('x = ¦"a"', "'", 'x = \'¦"a"'),
        ('"""Text ¦\n"""', "'", '"""Text \'¦\n"""'),
        ("x¦", "y", "xy¦"),
    ],
)
def test_vscode_closes_marks(text: str, key: str, result: str) -> None:
    assert pressed(VSCODE, text, key) == result


def test_vscode_types_over_its_own_closing_marks_only() -> None:
    assert pressed(VSCODE, "f(¦)", ")", closed=True) == "f()¦"
    assert pressed(VSCODE, "f(¦)", ")") == "f()¦)"
    assert pressed(VSCODE, 'x = "a\\¦"', '"', closed=True) == 'x = "a\\"¦"'


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("if x:¦", "if x:\n    ¦"),
        ("    def f(self):  # why¦", "    def f(self):  # why\n        ¦"),
        ("x = a[1:¦", "x = a[1:\n¦"),
        ("    return x¦", "    return x\n¦"),
        ("        pass¦", "        pass\n    ¦"),
        ("    returned = 1¦", "    returned = 1\n    ¦"),
        ("f(¦)", "f(\n    ¦\n)"),
        ("    x = [¦", "    x = [\n        ¦"),
        ("f(a,¦)", "f(a,\n¦)"),
        ("    x = 1¦", "    x = 1\n    ¦"),
        ("x = 1 + \\¦", "x = 1 + \\\n    ¦"),
    ],
)
def test_vscode_indents_the_next_line(text: str, result: str) -> None:
    assert pressed(VSCODE, text, ENTER) == result


@pytest.mark.parametrize(
    ("unit", "text", "key", "result"),
    [
        ("    ", "      ¦", BACKSPACE, "    ¦"),
        ("    ", "        ¦", BACKSPACE, "    ¦"),
        ("    ", "  x¦", BACKSPACE, "  ¦"),
        ("\t", "\t\t¦", BACKSPACE, "\t¦"),
        ("    ", "  ¦", TAB, "    ¦"),
        ("\t", "\t¦", TAB, "\t\t¦"),
    ],
)
def test_keys_among_blanks_go_by_levels(unit: str, text: str, key: str, result: str) -> None:
    assert pressed(VisualStudioCode(unit), text, key) == result
    assert pressed(Neovim(unit), text, key) == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("if x:¦", "if x:\n    ¦"),
        ("if x:  # why¦", "if x:  # why\n    ¦"),
        ("x = f(¦", "x = f(\n        ¦"),
        ("x = f(\n        [¦", "x = f(\n        [\n            ¦"),
        ("x = f(a,¦", "x = f(a,\n      ¦"),
        ("x = f(\n    a,¦", "x = f(\n    a,\n    ¦"),
        ("    x = f(a,\n          b)¦", "    x = f(a,\n          b)\n    ¦"),
        ("def f(a,\n      b):¦", "def f(a,\n      b):\n    ¦"),
        ("    return x¦", "    return x\n¦"),
        ("    x = 1 + \\¦", "    x = 1 + \\\n            ¦"),
        ('    """Text¦', '    """Text\n    ¦'),
        ("f(¦", "f(\n        ¦"),
    ],
)
def test_neovims_script_indents_the_next_line(text: str, result: str) -> None:
    assert pressed(NEOVIM, text, ENTER) == result


def test_neovim_closes_nothing() -> None:
    assert pressed(NEOVIM, "f¦", "(") == "f(¦"
    assert pressed(NEOVIM, "x = ¦", '"') == 'x = "¦'
