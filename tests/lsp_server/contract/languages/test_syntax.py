"""How much to suggest: the cases of `tests/cases/extents.txt`, the cursor is `¦`."""

import argparse
from inspect import getsource
from pathlib import Path
from statistics import median
from time import thread_time
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.languages.extents import extent_at, window
from lsp_server.contract.stopping import Extent, Shape

CASES = Path(__file__).parents[3] / "cases" / "extents.txt"


def read_cases() -> list[tuple[str, str]]:
    """Title and text of each case."""
    parts = CASES.read_text(encoding="utf-8").split("== ")[1:]
    pairs = [part.split("\n", 1) for part in parts]
    return [(title, text) for title, text in pairs]


@pytest.mark.parametrize(("title", "text"), read_cases())
def test_a_block_is_suggested_where_a_body_or_a_bracket_is_open(title: str, text: str) -> None:
    kind, *indent = title.split(":")[0].split()
    prefix, suffix = text.split("¦")
    expected = Extent(Shape(kind), int(indent[0]) if indent else 0)
    assert extent_at("python", prefix, suffix) == expected


def test_every_case_has_its_cursor() -> None:
    assert len(read_cases()) > 25
    assert all(text.count("¦") == 1 for _, text in read_cases())


def test_a_language_without_a_grammar_gets_lines() -> None:
    assert extent_at("lua", "def add(a, b):\n    ", "").shape is Shape.LINE


@given(st.text(alphabet="def f(x):\n \t\"'#[]{}\\é\ud83d", max_size=60), st.text(max_size=5))
def test_any_text_has_an_extent(prefix: str, suffix: str) -> None:
    assert extent_at("python", prefix, suffix).indent >= 0


def test_the_work_does_not_grow_with_the_document() -> None:
    prefix = getsource(argparse) * 10 + "def f():\n    "
    assert len(window("python", prefix).splitlines()) <= 201
    assert extent_at("python", prefix, "").shape is Shape.BLOCK
    times = repeat(lambda: extent_at("python", prefix, ""), timer=thread_time, repeat=30, number=1)
    assert median(times) < 5e-3


def test_the_parsed_window_starts_at_a_statement_and_not_inside_a_docstring() -> None:
    docstring = '"""\n' + "text:\n" * 300 + '"""\n'
    assert window("python", docstring + "def f():\n    ") == "def f():\n    "
