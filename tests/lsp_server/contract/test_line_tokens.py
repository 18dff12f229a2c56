"""Reading line by line gives the tokenizer's own ids."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, trainers

from lsp_server.contract.line_tokens import (
    CUTS,
    KNOWN_LINES,
    Encoded,
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


class Numbering:
    """Stands in for a tokenizer: every text but the empty one has a number of its own."""

    pre_tokenizer = None

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def encode(self, text: str, *, add_special_tokens: bool) -> Encoded:
        assert not add_special_tokens
        return Encoded([self.numbers.setdefault(text, len(self.numbers))] if text else [])

    def encode_batch_fast(self, texts: list[str], *, add_special_tokens: bool) -> list[Encoded]:
        return [self.encode(text, add_special_tokens=add_special_tokens) for text in texts]


@given(st.sampled_from(CUTS), st.lists(TEXTS, min_size=20, max_size=30).map("\n".join), st.data())
def test_a_text_that_begins_as_another_is_parted_as_if_it_were_the_first(
    cut: Callable[[str], list[str]], text: str, data: st.DataObject
) -> None:
    numbering: Any = Numbering()
    lines = LineTokenizer(numbering)
    lines.cut = cut
    for _ in range(4):
        found = lines.encode(text).ids
        assert found == [numbering.numbers[part] for part in cut(text) if part]
        at = data.draw(st.integers(max(0, len(text) - 12), len(text)))
        text = text[:at] + data.draw(TEXTS) + (text[at:] if data.draw(st.booleans()) else "")


def test_only_what_has_changed_is_cut_and_what_is_forgotten_is_not_known(
    shipped: Tokenizer,
) -> None:
    lines = LineTokenizer(shipped)
    cut: list[int] = []
    split = lines.cut
    assert split is not None

    def note(text: str) -> list[str]:
        cut.append(len(text))
        return split(text)

    lines.cut = note
    text = "".join(f"value_{number} = {number}\n" for number in range(1000))
    for typed in ("x", "x = ", "x = 1\n", "x = 1\ny"):
        encode(lines, text + typed)
    lines.forget()
    encode(lines, text)
    assert (cut[0], cut[-1]) == (len(text) + 1, len(text))
    assert max(cut[1:-1]) < 100


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
