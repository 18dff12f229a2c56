"""One form for all texts: the same program in any form is the same text, and reads on as such."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.context.reader import MARK_LINES, Reader
from lsp_server.contract.canonical import canonical_parts, canonical_text, in_canonical_form
from lsp_server.contract.text_form import TextForm
from lsp_server.engines import Candidate, StopReason

UNITS = ["\t", "  ", "   ", "    ", " " * 8]
PROGRAM = '''\
class Account:
>def pay(self, amount,
>        to=None):
>>"""Pay.

>>It is sent at once.
>>"""
>>total = sum([
>>>amount,
>>>self.fee,
>>])
>>if total < self.balance(amount,
>>                        to):
>>>raise ValueError("too much: {")  # not (closed
>>return total
'''
"""`>` stands for a level; spaces behind levels align."""


def in_form(program: str, unit: str) -> str:
    """The program with levels of this unit."""
    return program.replace(">", unit)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_same_program_in_any_form_is_one_text(unit: str, end: str) -> None:
    text = in_form(PROGRAM, unit).replace("\n", end)
    assert canonical_text(text) == in_form(PROGRAM, "    ")


@given(st.text(alphabet="ab:(\"'#\\ \n", max_size=80))
def test_a_text_that_has_the_form_stays_as_it_is(text: str) -> None:
    assert canonical_text("if x:\n    y\n" * 9 + text).endswith(text)


def test_a_file_of_several_forms_is_read_by_its_levels() -> None:
    text = "def f():\n  a()\n\ndef g():\n  b()\n\nclass C:\n\tdef h(self):\n\t\tc()\n"
    assert canonical_text(text) == (
        "def f():\n    a()\n\ndef g():\n    b()\n\nclass C:\n    def h(self):\n        c()\n"
    )


def test_text_around_a_place_and_what_was_put_there_get_one_form() -> None:
    before, after, put = canonical_parts(
        "class A:\r\n\tdef f(self):\r\n\t\t", "\r\n\tx = 1\r\n", ["if a:\r\n\t\t\treturn", "pass"]
    )
    assert before == "class A:\n    def f(self):\n        "
    assert after == "\n    x = 1\n"
    assert put == ["if a:\n            return", "pass"]


@dataclass(frozen=True, slots=True)
class Split:
    """A program cut at a cursor, at the start of a line's content or behind a line."""

    head: str
    rest: str


@st.composite
def splits(draw: st.DrawFn) -> Split:
    """The program, cut; what follows is written in the canonical form."""
    lines = PROGRAM.splitlines(keepends=True)
    at = draw(st.integers(1, len(lines) - 1))
    lead = len(lines[at]) - len(lines[at].lstrip("> "))
    cut = draw(st.integers(0, lead)) if draw(st.booleans()) else -1
    head, rest = "".join(lines[:at]), "".join(lines[at:])
    if cut < 0:
        return Split(head[:-1], "\n" + rest)
    levels = min(cut, lines[at].count(">"))
    return Split(head + rest[:levels], rest[levels:])


@settings(max_examples=40)
@given(splits(), st.sampled_from(UNITS), st.integers(1, 5))
def test_what_the_model_writes_stands_as_the_file_would_have_it(
    split: Split, unit: str, size: int
) -> None:
    cursor = Cursor(
        uri="u",
        language="python",
        path="a.py",
        prefix=in_form(split.head, unit),
        suffix="",
        form=TextForm(unit),
    )
    read, standing = Reader().read(cursor)
    assert read.prefix == in_form(split.head, "    ")
    text = in_form(split.rest, "    ")
    tokens = tuple(text[at : at + size] for at in range(0, len(text), size))
    written = Candidate(tokens, (-0.1,) * len(tokens), StopReason.END)
    own = standing.in_own_form(written)
    assert own.text == in_form(split.rest, unit)
    assert own.logprobs == written.logprobs
    assert len(own.tokens) == len(tokens)


@settings(max_examples=25)
@given(st.data())
def test_reading_on_from_what_was_read_last_is_reading_anew(data: st.DataObject) -> None:
    unit = data.draw(st.sampled_from(UNITS))
    text = in_form(PROGRAM * 12, unit)
    assert text.count("\n") > 2 * MARK_LINES
    reader = Reader()
    for _ in range(4):
        at, end = sorted(data.draw(st.integers(0, len(text))) for _ in range(2))
        text = text[:at] + data.draw(st.sampled_from(["", "x", '"""', "(\n", "\n\t"])) + text[at:]
        cursor = Cursor(
            uri="u",
            language="python",
            path="a.py",
            prefix=text[:at],
            suffix=text[end:],
            form=TextForm(unit),
        )
        assert reader.read(cursor) == Reader().read(cursor)


def test_the_lines_below_do_not_change_while_one_types_a_line() -> None:
    below = "\n           b)\n  return b\n"
    reader, known = Reader(), set[str]()
    for typed in ("", "c", "call", "call(", "call(a,", "call('x')"):
        cursor = Cursor(
            uri="u",
            language="python",
            path="a.py",
            prefix=f"def f(a):\n  {typed}",
            suffix=below,
            form=TextForm("  "),
        )
        known.add(reader.read(cursor)[0].suffix)
    assert len(known) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class A:\n  x = (1 +\n       2)\n", "class A:\n    x = (1 +\n         2)\n"),
        ("if a and \\\n   b:\n  c()\n", "if a and \\\n   b:\n    c()\n"),
        (
            "def f():\n  return a or \\\n         b\n",
            "def f():\n    return a or \\\n           b\n",
        ),
        (
            'def f():\n  """A:\n\n     b\n      c"""\n',
            'def f():\n    """A:\n\n       b\n            c"""\n',
        ),
        ("f(\n  g(a,\n    b),\n)\nif x:\n  y()\n", "f(\n    g(a,\n      b),\n)\nif x:\n    y()\n"),
    ],
)
def test_what_is_aligned_stays_aligned(text: str, expected: str) -> None:
    assert in_canonical_form(text, TextForm("  ")) == expected


def test_lines_below_that_were_aligned_with_what_is_being_typed_anew_stay_where_they_were() -> None:
    def below(unit: str) -> str:
        prefix = f"class A:\n{unit}def f(self):\n{unit * 2}self.call"
        suffix = f"\n{unit * 2}          of_it)\n{unit * 2}return 1\n"
        cursor = Cursor(
            uri=unit,
            language="python",
            path="a.py",
            prefix=prefix,
            suffix=suffix,
            form=TextForm(unit),
        )
        return Reader().read(cursor)[0].suffix

    assert len({below(unit) for unit in UNITS}) == 1
