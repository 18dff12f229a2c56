"""Reading line by line gives the tokenizer's own ids."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, trainers

from lsp_server.contract.line_tokens import (
    CUTS,
    KNOWN_LINES,
    LineTokenizer,
    split_before_line_ends,
    split_where_text_ends,
)
from lsp_server.contract.prompt import Budget, build, encode, load_tokenizer
from lsp_server.settings import Settings

TEXTS = st.lists(
    st.sampled_from([*"ab1_(\"' .\t\x0c", "\n", "\r", "\r\n", "\n    ", "é", "\u3000", "\u2028"]),
    max_size=40,
).map("".join)


@pytest.fixture(scope="module")
def shipped() -> Tokenizer:
    return load_tokenizer(Settings().bundle_folder / "tokenizer.json")


@given(TEXTS)
def test_parts_join_to_the_text_and_begin_with_its_line_ends(text: str) -> None:
    parts = split_before_line_ends(text)
    assert "".join(parts) == text
    assert all(part.startswith(("\n", "\r\n")) for part in parts[1:])
    assert all("\n" not in part.removeprefix("\r\n").removeprefix("\n") for part in parts)


def test_the_shipped_tokenizer_is_read_by_line(shipped: Tokenizer) -> None:
    assert LineTokenizer(shipped).cut is split_before_line_ends


def test_one_whose_pieces_reach_over_blank_lines_is_read_by_what_they_part(
    small_tokenizer: Tokenizer,
) -> None:
    lines = LineTokenizer(small_tokenizer)
    text = "def f():\n\n    return 1\n"
    assert lines.cut is split_where_text_ends
    assert lines.cut(text) == ["def f():", "\n\n    return 1", "\n"]
    assert encode(lines, text) == encode(small_tokenizer, text)


def test_one_whose_tokens_reach_over_whole_lines_is_read_at_once() -> None:
    whole = Tokenizer(models.BPE())
    texts = ["x  \n\t\ny = 1\n\n\n", "a\n\n    b"]
    whole.train_from_iterator(texts, trainers.BpeTrainer(show_progress=False))
    lines = LineTokenizer(whole)
    assert lines.cut is None
    assert [len(encode(lines, text)) for text in texts] == [1, 1]


@given(TEXTS)
def test_where_text_begins_and_ends_the_parts_join_to_it(text: str) -> None:
    for cut in CUTS:
        assert "".join(cut(text)) == text


@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_ids_are_the_tokenizers_own(texts: list[str]) -> None:
    tokenizer = load_tokenizer(Settings().bundle_folder / "tokenizer.json")
    lines = LineTokenizer(tokenizer)
    assert [encode(lines, text) for text in texts] == [encode(tokenizer, text) for text in texts]


def test_more_lines_than_are_remembered_are_read_right(shipped: Tokenizer) -> None:
    lines = LineTokenizer(shipped)
    text = "\n".join(f"name_{number} = {number}" for number in range(KNOWN_LINES // 2 + 10))
    for part in (text, text[::-1], text):
        assert encode(lines, part) == encode(shipped, part)


def test_a_sentinel_in_the_text_stays_text(shipped: Tokenizer) -> None:
    text = "a = '<|end|>'\n<|file|>"
    assert encode(LineTokenizer(shipped), text) == encode(shipped, text)


def test_prompts_are_the_same_either_way(shipped: Tokenizer) -> None:
    lines = LineTokenizer(shipped)
    text = Path(__file__).read_text(encoding="utf-8")
    for cursor in range(0, len(text), 97):
        parts = ("tests/a.py", text[:cursor], text[cursor:], Budget(context=300))
        assert build(lines, *parts) == build(shipped, *parts)


@pytest.mark.parametrize("half", [chr(0xD83D), chr(0xDC00)])
def test_half_a_character_is_read_as_a_strange_one(shipped: Tokenizer, half: str) -> None:
    lines = LineTokenizer(shipped)
    assert lines.encode(f"a{half}b\n").ids == lines.encode("a\ufffdb\n").ids
    prompt = build(LineTokenizer(shipped), "a.py", f"x = {half}", f"{half})", Budget())
    assert prompt == build(LineTokenizer(shipped), "a.py", "x = \ufffd", "\ufffd)", Budget())
