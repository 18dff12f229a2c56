"""Where a completion's lines may stand: at levels that a reader of Python accepts there."""

import ast
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.context.reader import Reader
from lsp_server.completion.context.standing import Standing
from lsp_server.contract.text_form import CANONICAL, TextForm
from lsp_server.engines import Candidate, StopReason

METHOD = "class A:\n    def f(self):\n        x = 1\n"


def stand(text: str, form: TextForm = CANONICAL) -> Standing:
    """Where the cursor `¦` of a text stands."""
    prefix, _, suffix = text.partition("¦")
    cursor = Cursor(
        uri="u", language="python", path="a.py", prefix=prefix, suffix=suffix, form=form
    )
    return Reader().read(cursor)[1]


def columns(text: str) -> list[int]:
    """The columns at which a statement may stand at the cursor."""
    standing = stand(text)
    there = len(standing.line)
    return [at for at in range(there, 40) if standing.fits(" " * (at - there) + "go()")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("¦", [0]),
        ("x = 1\n¦", [0]),
        ("x = 1\n  ¦", []),
        (METHOD + "¦", [0, 4, 8]),
        (METHOD + "    ¦", [4, 8]),
        (METHOD + "     ¦", [8]),
        (METHOD + "\n        ¦", [8]),
        (METHOD + "            ¦", []),
        ("for x in y:\n¦", [4]),
        ("for x in y:\n  ¦", [4]),
        ("for x in y:\n          ¦", [10]),
        ("for x in y:  # each\n    # note\n\n¦", [4]),
        ("for x in y:\n¦\n   go(x)\n", [3]),
        ("if a:\n    if b:\n        c()\n    else:\n¦", [8]),
        ("@cached\n¦", [0]),
        ("class A:\n    @property\n¦", [4]),
        ("@app.get(\n    '/')\n¦", [0]),
        ("if a:\n   b()\n¦", [0, 3]),
        ("def f(\n    a,\n):\n¦", [4]),
        ("def f(a): return [\n    a]\n¦", [0]),
        ("x = {'a': 1}\nif x: y = 2\n¦", [0]),
        ("def f():\n    s = '''\n  text:\n'''\n¦", [0, 4]),
        ('def f():\n    s = "# (:"\n¦', [0, 4]),
        ("        deep = 1\n¦", [0, 4, 8]),
    ],
)
def test_a_statement_begins_at_an_open_block_or_one_level_below_a_header(
    text: str, expected: list[int]
) -> None:
    assert columns(text) == expected


def test_one_who_asks_at_an_open_level_is_answered_there() -> None:
    cursor = Cursor(uri="u", language="python", path="a.py", prefix=METHOD + "    ", suffix="\n")
    typing = Reader().read(cursor)[1]
    asking = Reader().read(replace(cursor, invoked=True))[1]
    on_the_way = Reader().read(replace(cursor, prefix=METHOD + "      ", invoked=True))[1]
    assert [typing.fits("def g"), typing.fits("    return")] == [True, True]
    assert [asking.fits("def g"), asking.fits("    return")] == [True, False]
    assert on_the_way.fits("  return")


@pytest.mark.parametrize(
    "text",
    ["x = [\n¦", "f(a,\n  ¦", 's = """\n ¦', "total = a + \\\n   ¦", "x = {  # (\n¦"],
)
def test_inside_a_bracket_or_a_string_a_line_may_stand_anywhere(text: str) -> None:
    there = len(stand(text).line)
    assert columns(text) == list(range(there, 40))


@pytest.mark.parametrize(
    ("text", "completion", "kept"),
    [
        ("if a:¦", "\n    b()\n    c()", "\n    b()\n    c()"),
        ("if a:¦", "\n    b()\n      c()\nd()", "\n    b()"),
        ("if a:¦", "\n  b()", ""),
        ("if a:\n    ¦", "if b:\n        c()\n\n    d()", "if b:\n        c()\n\n    d()"),
        ("if a:\n    ¦", "if b:\n    c()", "if b:"),
        ("if a:\n    ¦", "x = [\n  1,\n ]\n    y()\nz()", "x = [\n  1,\n ]\n    y()\nz()"),
        ("if a:\n    ¦", "# why\n    b()\n  # odd", "# why\n    b()"),
        ("if a:\n    ¦", '"""One:\n  two\n"""\n    b()', '"""One:\n  two\n"""\n    b()'),
        ("x = 1\n ¦", "y = 2", ""),
    ],
)
def test_a_completion_ends_before_the_first_line_that_fits_nowhere(
    text: str, completion: str, kept: str
) -> None:
    standing = stand(text)
    written = Candidate(tuple(completion), (-0.1,) * len(completion), StopReason.END)
    assert standing.in_own_form(written).text == kept
    assert standing.fits(completion) == (kept == completion)


def test_what_is_written_back_takes_in_what_stands_before_the_cursor() -> None:
    tabs = stand("class A:\n\tdef f(self):\n\t\tx = 1\n\t¦", TextForm("\t"))
    written = Candidate(("    return", " x", "\n    ", "def g"), (-0.1,) * 4, StopReason.END)
    assert tabs.in_own_form(written).tokens == ("\treturn", " x", "\n\t", "def g")
    two = stand("class A:\n  def f(self):\n    x = 1\n   ¦", TextForm("  "))
    assert two.line == " " * 5
    assert two.in_own_form(Candidate(("   return",), (-0.1,), StopReason.END)).text == " return"


def test_a_block_that_the_file_indents_otherwise_is_gone_back_to_as_it_stands() -> None:
    mixed = stand("class A:\n   def f(self):\n\t\tif x:\n\t\t\ty()\n¦", TextForm("\t"))
    own = mixed.in_own_form(Candidate(("   def g",), (-0.1,), StopReason.END))
    assert own.text == "   def g"


def test_spaces_in_a_file_of_tabs_begin_no_line_that_python_would_take() -> None:
    standing = stand("if a:\n\tb()\n    ¦", TextForm("\t"))
    assert not standing.fits("c()")
    assert stand("if a:\n    ¦", TextForm("\t")).fits("c()")


def test_a_language_that_is_not_python_stands_as_it_likes() -> None:
    cursor = Cursor(uri="u", language="lua", path="a.lua", prefix="x = 1\n  ", suffix="")
    assert Reader().read(cursor)[1].fits("go()")


SOURCES = st.lists(
    st.sampled_from(["if a:", "x = 1", "@b", "def f():", "y = (1,", "2)", "", "# c", "class C:"]),
    max_size=8,
)


@given(SOURCES, st.lists(st.integers(0, 3), min_size=9, max_size=9))
def test_levels_are_those_at_which_python_compiles(lines: list[str], levels: list[int]) -> None:
    text = "".join(f"{'    ' * level}{line}\n" for line, level in zip(lines, levels, strict=False))
    for body in ("pass", "def g(): pass"):
        try:
            ast.parse(text + (" " * 20) + "pass" if text.rstrip().endswith(":") else text)
        except SyntaxError:
            return
        accepted = [at for at in range(0, 21, 4) if compiles(f"{text}{' ' * at}{body}\n")]
        if "@b" not in text and not text.rstrip().endswith(":"):
            assert columns(f"{text}¦") == accepted


def compiles(text: str) -> bool:
    """Whether Python takes a text."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
