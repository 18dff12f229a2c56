"""Stop rules on texts written by hand, and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.stopping import Extent, Shape, columns, end_of_line, next_line, rule_for

TEXTS = st.text(alphabet="ab:) \t\n\r", max_size=40)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("x = 1", None), ("x\ny", 1), ("x\r\ny", 1), ("x\ry", 1), ("\n", 0), ("a\fb\u2028c", None)],
)
def test_a_line_ends_at_the_first_line_end(text: str, kept: int | None) -> None:
    assert end_of_line(text) == kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n    y = 2\n", None),
        ("x = 1\n    y = 2\nz", "x = 1\n    y = 2"),
        ("x = 1\n\n    y", "x = 1"),
        ("x = 1\n    if y:\n        z\n    w\n  v", "x = 1\n    if y:\n        z\n    w"),
        ("\n    x = 1\nz", "\n    x = 1"),
        ("\n\n    x", ""),
        ("x\n    seen()\n", "x"),
        ("x\n    seen()", None),
        ("x\r\n    y\r\nz", "x\r\n    y"),
        ("a\n    b\n    c\n    d\n    e", "a\n    b\n    c\n    d"),
    ],
)
def test_a_block_ends_where_its_lines_do(text: str, expected: str | None) -> None:
    kept = rule_for(Extent(Shape.BLOCK, 4), max_lines=4, repeated="seen()")(text)
    assert (None if kept is None else text[:kept]) == expected


@given(TEXTS, TEXTS, st.integers(0, 5), st.integers(1, 3), st.sampled_from(["", "a", ")"]))
def test_more_text_never_changes_where_a_completion_ended(
    text: str, more: str, indent: int, max_lines: int, repeated: str
) -> None:
    for rule in (end_of_line, rule_for(Extent(Shape.BLOCK, indent), max_lines, repeated)):
        kept = rule(text)
        if kept is not None and not text.endswith("\r"):
            assert rule(text + more) == kept


@given(TEXTS, st.integers(1, 4))
def test_a_block_never_has_more_lines_than_it_may(text: str, max_lines: int) -> None:
    kept = rule_for(Extent(Shape.BLOCK), max_lines)(text)
    if kept is not None:
        lines = text[:kept].replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert sum(bool(line.strip()) for line in lines) <= max_lines


def test_a_tab_is_four_columns() -> None:
    assert [columns(line) for line in ("x", "    x", "\tx", "  \tx", "\t  x")] == [0, 4, 4, 4, 6]


def test_the_next_line_is_the_first_with_text_below_the_cursors() -> None:
    assert next_line(")\n\n    return x\ny") == "return x"
    assert next_line("x") == ""
    assert next_line("") == ""
