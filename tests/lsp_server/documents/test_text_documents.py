"""Documents against a naive oracle: one string, offsets counted character by character."""

import re
from itertools import count
from statistics import median
from time import process_time
from timeit import repeat, timeit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lsp_server.contract.text_form import with_plain_ends
from lsp_server.documents.positions import Encoding, Position, column_of, units_of
from lsp_server.documents.text_documents import (
    PREFIX_CHARACTERS,
    SUFFIX_CHARACTERS,
    Documents,
    Edit,
    TextDocument,
)
from lsp_server.documents.text_edits import split_lines

PIECES = ["a", "b c", "\n", "\r", "\r\n", "\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"]
TEXTS = st.lists(st.sampled_from([*PIECES, "é", "漢", "\U0001f60b", "\ud83d"])).map("".join)
ENCODINGS = st.sampled_from(Encoding)
POSITIONS = st.builds(Position, st.integers(0, 8), st.integers(0, 14))
EDITS = st.lists(st.tuples(POSITIONS, POSITIONS, TEXTS), max_size=6)


def width(character: str, encoding: Encoding) -> int:
    """Code units of one character."""
    code = ord(character)
    if encoding is Encoding.UTF16:
        return 1 + (code > 0xFFFF)
    if encoding is Encoding.UTF8:
        return 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)
    return 1


def offset_of(text: str, position: Position, encoding: Encoding) -> int:
    """Characters before a position, which is moved into the text and out of characters."""
    starts = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", text))]
    if position.line >= len(starts):
        return len(text)
    offset, units = starts[position.line], 0
    while offset < len(text) and text[offset] not in "\r\n":
        units += width(text[offset], encoding)
        if units > position.character:
            break
        offset += 1
    return offset


def open_document(text: str, encoding: Encoding = Encoding.UTF16) -> TextDocument:
    """A document with a text."""
    document = TextDocument("file:///a.py", "python", encoding)
    document.replace(text)
    return document


@given(TEXTS, EDITS, ENCODINGS)
@example("a\rb", [(Position(1, 0), Position(1, 1), "\n")], Encoding.UTF8)
@example("a\r\nb", [(Position(0, 1), Position(1, 0), "\r")], Encoding.UTF32)
@example("\U0001f60b", [(Position(0, 1), Position(0, 2), "x")], Encoding.UTF16)
def test_edits_change_a_document_as_they_change_a_string(
    text: str, edits: list[tuple[Position, Position, str]], encoding: Encoding
) -> None:
    document = open_document(text, encoding)
    for start, end, new in edits:
        low, high = sorted((offset_of(text, start, encoding), offset_of(text, end, encoding)))
        text = text[:low] + new + text[high:]
        document.apply(Edit(start, end, new))
        assert document.text == text
        assert document.lines == split_lines(text)


@given(TEXTS, ENCODINGS, POSITIONS)
def test_a_place_and_its_position_name_each_other(
    text: str, encoding: Encoding, position: Position
) -> None:
    document = open_document(text, encoding)
    line, column = document.locate(position)
    before = document.before(line, column)
    at = offset_of(text, position, encoding)
    assert before == with_plain_ends(text[:at])
    assert document.after(line, column) == with_plain_ends(text[at:])
    assert document.locate(document.position(line, column)) == (line, column)


@given(TEXTS.map(lambda text: re.sub(r"[\r\n]", "", text)), ENCODINGS, st.integers(-3, 40))
def test_columns_count_whole_characters(line: str, encoding: Encoding, units: int) -> None:
    column = column_of(line, units, encoding)
    assert units_of(line[:column], encoding) <= max(units, 0)
    if column < len(line):
        assert units_of(line[: column + 1], encoding) > units


def test_form_feeds_and_unicode_separators_end_no_line() -> None:
    document = open_document("a\f\v\x1c\x1d\x1e\x85\u2028\u2029b\nc")
    assert len(document.lines) == 2
    document.apply(Edit(Position(1, 0), Position(1, 1), "d"))
    assert document.text == "a\f\v\x1c\x1d\x1e\x85\u2028\u2029b\nd"


def test_a_position_past_the_last_line_without_newline_is_its_end() -> None:
    assert open_document("abc").locate(Position(0, 9)) == (0, 3)
    assert open_document("abc").locate(Position(7, 0)) == (0, 3)
    assert open_document("abc\n").locate(Position(0, 9)) == (0, 3)


def test_the_window_of_a_long_document_seldom_moves_its_start() -> None:
    document = open_document("x = 1\n" * 60_000)
    starts = set()
    for line in range(50_000, 50_064):
        before = document.before(line, 3)
        assert PREFIX_CHARACTERS <= len(before) <= 2 * PREFIX_CHARACTERS
        starts.add(line * 6 + 3 - len(before))
    assert len(starts) <= 2
    assert len(document.after(100, 0)) == SUFFIX_CHARACTERS


def test_the_window_of_one_long_line_seldom_moves_its_start() -> None:
    document = open_document("x" * 5_000_000)
    lengths = [(column, len(document.before(0, column))) for column in range(4_000_000, 4_001_000)]
    assert len({column - length for column, length in lengths}) <= 2
    assert all(PREFIX_CHARACTERS <= length <= 2 * PREFIX_CHARACTERS for _, length in lengths)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_key_in_two_hundred_thousand_lines_takes_no_time_that_is_felt(
    encoding: Encoding,
) -> None:
    document = open_document("    total = total + 1  # é\n" * 200_000, encoding)
    turns = count()

    def type_a_key() -> None:
        turn = next(turns)
        at = Position((turn * 997) % 200_000, 4)
        document.apply(Edit(at, at, "\n" if turn % 2 else "x"))
        document.before(at.line, 4)
        document.after(at.line, 4)

    assert median(repeat(type_a_key, timer=process_time, repeat=200, number=1)) < 5e-3


def test_a_key_in_a_line_of_five_megabytes_takes_no_time_that_is_felt() -> None:
    document = open_document("é" + "x" * 5_000_000)
    at = Position(0, 4_000_000)
    key = Edit(at, at, "y")
    assert timeit(lambda: document.apply(key), timer=process_time, number=10) / 10 < 0.1


def test_an_unread_document_keeps_its_language_and_no_text() -> None:
    documents = Documents()
    documents.forget("file:///.env", "dotenv")
    documents.edit("file:///.env", [Edit(Position(0, 0), Position(0, 0), "KEY=1"), "KEY=2"])
    assert documents.get("file:///.env") is None
    assert documents.unread_language("file:///.env") == "dotenv"
    documents.close("file:///.env")
    assert documents.unread_language("file:///.env") is None


def test_a_held_document_follows_its_edits_and_is_nobodys_until_it_is_released() -> None:
    documents = Documents()
    documents.forget("u", "rust")
    documents.hold("u", "rust", "a")
    edits: list[Edit | str] = ["b\nc", Edit(Position(1, 0), Position(1, 1), "d")]
    assert documents.edit("u", edits) == []
    assert (documents.get("u"), documents.read()) == (None, [])
    assert documents.unread_language("u") == "rust"
    [held] = documents.release()
    assert (held.uri, held.language, held.text) == ("u", "rust", "b\nd")
    assert documents.release() == []


def test_a_held_document_is_dropped_once_it_is_closed_read_or_not_to_be_read() -> None:
    documents = Documents()
    for uri in ("closed", "read", "forgotten"):
        documents.hold(uri, "rust", "a")
    documents.close("closed")
    documents.open("read", "rust", "a")
    documents.forget("forgotten", "rust")
    assert documents.release() == []


def test_a_change_without_a_range_is_the_whole_text() -> None:
    documents = Documents()
    documents.open("u", "python", "a")
    documents.edit("u", ["b\nc", Edit(Position(1, 0), Position(1, 1), "d")])
    document = documents.get("u")
    assert document is not None
    assert document.text == "b\nd"
