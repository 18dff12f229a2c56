"""The same Python in other forms: indentation by levels, alignment kept, nothing else changed."""

import ast
from pathlib import Path

import pytest

from lsp_server.bench.texts.forms import Form, form_of, own_unit, reindent
from lsp_server.errors import BenchError

CODE = '''\
class A:
    """Text
    of two lines.
    """

    # why
    def f(self,
          b):
        text = """
    as it is
"""
        if b:
            return g(
                b,  # hangs
                [
                    1,
                ],
            )
        x = (b
             + 1)
        # about
    # the class's
    c = 1
'''

TABS = '''\
class A:
\t"""Text
\tof two lines.
\t"""

\t# why
\tdef f(self,
\t      b):
\t\ttext = """
    as it is
"""
\t\tif b:
\t\t\treturn g(
\t\t\t\tb,  # hangs
\t\t\t\t[
\t\t\t\t\t1,
\t\t\t\t],
\t\t\t)
\t\tx = (b
\t\t     + 1)
\t\t# about
\t# the class's
\tc = 1
'''


def test_levels_become_tabs_and_alignment_stays() -> None:
    assert reindent(CODE, "\t") == TABS


def test_the_way_back_gives_the_same_text() -> None:
    assert reindent(TABS, "    ") == CODE


@pytest.mark.parametrize("unit", ["\t", "  ", "        "])
def test_this_projects_own_files_keep_their_meaning(unit: str) -> None:
    for path in sorted(Path(__file__).parent.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        rewritten = reindent(text, unit)
        assert rewritten is not None
        assert meaning(rewritten) == meaning(text)


def meaning(text: str) -> str:
    """The syntax tree without the blanks of docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = str(node.value.value).split()  # type: ignore[assignment]
    return ast.dump(tree)


def test_a_text_that_is_no_python_has_no_other_form() -> None:
    assert reindent("if x:\n   y\n  z\n", "\t") is None
    assert reindent("f(\n", "\t") is None


def test_a_files_own_unit_is_what_most_blocks_are_indented_by() -> None:
    assert own_unit(CODE) == "    "
    assert own_unit(TABS) == "\t"
    assert own_unit("x = 1\n") == "    "


def test_a_form_is_named_by_its_line_end_and_unit() -> None:
    assert form_of("crlf-tab") == Form("crlf", "tab")
    assert form_of("crlf-tab").name == "crlf-tab"
    assert form_of("lf") == Form()
    assert (Form("crlf", "2").line_end, Form("crlf", "2").unit) == ("\r\n", "  ")


@pytest.mark.parametrize("name", ["cr", "lf-3", "tab", ""])
def test_a_form_that_there_is_not_is_an_error(name: str) -> None:
    with pytest.raises(BenchError, match="expected line ends of"):
        form_of(name)
