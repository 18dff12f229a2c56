"""Positions in the three encodings, on numbers worked by hand and on any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.bench.client.positions import offset_at, position_at
from lsp_server.documents.positions import Encoding

TEXT = "a = '🎉é'\nb\x0c = 1\n"


@pytest.mark.parametrize(
    ("encoding", "column"), [(Encoding.UTF8, 11), (Encoding.UTF16, 8), (Encoding.UTF32, 7)]
)
def test_an_emoji_is_four_bytes_two_units_and_one_character(
    encoding: Encoding, column: int
) -> None:
    assert position_at(TEXT, 7, encoding) == {"line": 0, "character": column}


def test_a_form_feed_ends_no_line() -> None:
    assert position_at(TEXT, TEXT.index("1"), Encoding.UTF16) == {"line": 1, "character": 5}


def test_the_place_after_the_last_newline_is_a_line_of_its_own() -> None:
    assert position_at(TEXT, len(TEXT), Encoding.UTF16) == {"line": 2, "character": 0}


def test_a_column_past_the_line_is_the_lines_end_and_a_line_past_the_text_its_end() -> None:
    assert offset_at("ab\ncd", {"line": 0, "character": 99}, Encoding.UTF16) == 2
    assert offset_at("ab\ncd", {"line": 9, "character": 0}, Encoding.UTF16) == 5


def test_a_column_inside_a_character_is_the_place_before_it() -> None:
    assert offset_at("x🎉y", {"line": 0, "character": 2}, Encoding.UTF16) == 1


@settings(deadline=None)
@given(st.text(), st.integers(0, 200), st.sampled_from(Encoding))
def test_every_offset_comes_back_from_its_position(
    text: str, offset: int, encoding: Encoding
) -> None:
    text = text.replace("\r", "")
    offset = min(offset, len(text))
    assert offset_at(text, position_at(text, offset, encoding), encoding) == offset
