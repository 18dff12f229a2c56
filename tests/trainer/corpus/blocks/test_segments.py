"""Segments: nothing of a document is lost, each fits its block, and layouts are the served ones."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel, decode, encode, plain, psm, spm
from trainer.corpus.blocks.segments import Piece, Segment, Segmenter, Source, cut_place, lay_out
from trainer.corpus.config import PackingConfig

SOURCE_LINES = st.lists(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60), max_size=60
)


def segmenter(tokenizer: Tokenizer, **values: float) -> Segmenter:
    return Segmenter(tokenizer, PackingConfig(**{"block_tokens": 96, **values}))  # type: ignore[arg-type]


def text_of(segment: list[int], tokenizer: Tokenizer) -> str:
    """Source text of one segment, its parts put back in their order."""
    parts: dict[int, list[int]] = {}
    current: list[int] = []
    for token in segment:
        if token < len(Sentinel):
            current = parts.setdefault(token, [])
        else:
            current.append(token)
    order = (Sentinel.PREFIX, Sentinel.MIDDLE, Sentinel.SUFFIX)
    return "".join(decode(tokenizer, parts.get(int(part), [])) for part in order)


def lay_out_documents(
    maker: Segmenter, documents: list[tuple[str, str]], seed: int = 0
) -> list[Segment]:
    rngs = [np.random.default_rng([seed, number]) for number in range(len(documents))]
    return maker.segments(documents, rngs)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(lines=SOURCE_LINES, seed=st.integers(0, 99))
def test_the_segments_of_any_document_fit_and_give_its_text_back(
    small_tokenizer: Tokenizer, lines: list[str], seed: int
) -> None:
    text = "\n".join(lines)
    maker = segmenter(small_tokenizer)
    found = lay_out_documents(maker, [("package/module.py", text)], seed)
    assert "".join(text_of(segment.ids, small_tokenizer) for segment in found) == text
    assert sum(segment.text_bytes for segment in found) == len(text.encode())
    assert all(len(segment.ids) <= 96 for segment in found)
    assert all(segment.ids.count(Sentinel.FILE) == 1 for segment in found)


def test_text_that_looks_like_sentinels_stays_text(small_tokenizer: Tokenizer) -> None:
    text = "x = '<|file|><|end|><|pad|>'\n"
    (segment,) = lay_out_documents(segmenter(small_tokenizer, fim_rate=0.0), [("", text)])
    assert segment.ids == [*plain([], encode(small_tokenizer, text)), Sentinel.END]


def test_a_plain_segment_has_the_end_token_only_where_its_document_ends(
    small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    found = lay_out_documents(segmenter(small_tokenizer, fim_rate=0.0), [("a.py", small_corpus[0])])
    assert len(found) > 10
    assert [Sentinel.END in segment.ids for segment in found] == [False] * (len(found) - 1) + [True]


def test_an_infilling_segment_always_ends_with_the_end_token(
    small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    found = lay_out_documents(segmenter(small_tokenizer, fim_rate=1.0), [("a.py", small_corpus[0])])
    infilling = [segment.ids for segment in found if segment.order != "plain"]
    assert len(infilling) > 0.7 * len(found)
    assert all(ids[-1] == Sentinel.END for ids in infilling)
    assert all(ids.count(Sentinel.END) == 1 for ids in infilling)


def test_the_layouts_are_those_of_the_prompt_module(small_tokenizer: Tokenizer) -> None:
    path, parts = (30, 31), [[10, 11], [12], [13, 14]]
    for order, layout in (("psm", psm), ("spm", spm)):
        piece = Piece("", path, order, closes=False, middle=(0, 0))  # type: ignore[arg-type]
        assert lay_out(piece, parts) == [*layout(path, [10, 11], [12]), 13, 14, Sentinel.END]
    assert lay_out(Piece("", path, "plain", closes=False), [[10]]) == plain(path, [10])


def test_orders_and_paths_come_at_their_rates(
    small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    maker = segmenter(small_tokenizer, fim_rate=0.6, spm_share=0.75, path_rate=0.8)
    found = lay_out_documents(maker, [("a.py", text) for text in small_corpus])
    counts = Counter(segment.order for segment in found)
    assert len(found) > 400
    assert counts["plain"] / len(found) == pytest.approx(0.4, abs=0.08)
    assert counts["spm"] / (counts["spm"] + counts["psm"]) == pytest.approx(0.75, abs=0.1)
    with_path = sum(Sentinel.PATH in segment.ids for segment in found)
    assert with_path / len(found) == pytest.approx(0.8, abs=0.06)


def test_another_generator_cuts_the_same_document_elsewhere(
    small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    maker, documents = segmenter(small_tokenizer), [("a.py", small_corpus[0])]
    first, again = (lay_out_documents(maker, documents, seed=1) for _ in range(2))
    other = lay_out_documents(maker, documents, seed=2)
    assert [segment.ids for segment in first] == [segment.ids for segment in again]
    shared = {tuple(segment.ids) for segment in first} & {tuple(segment.ids) for segment in other}
    assert len(shared) < len(first) / 4


def test_a_long_document_is_cut_at_line_starts(
    small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    maker = segmenter(small_tokenizer, fim_rate=0.0)
    texts = [
        text_of(segment.ids, small_tokenizer)
        for segment in lay_out_documents(maker, [("a.py", small_corpus[0])])
    ]
    at_line_starts = sum(text.endswith("\n") for text in texts)
    assert at_line_starts / len(texts) > 0.5


def test_a_cut_goes_back_to_a_line_start_that_is_near_and_not_to_one_that_is_far() -> None:
    source = Source("aaaa\nbbbbb", list(range(10)), list(range(10)), ())
    assert cut_place(source, 0, 6) == 5
    assert cut_place(source, 0, 9) == 9
    assert cut_place(source, 5, 8) == 8


def test_a_healed_middle_begins_where_a_piece_of_the_text_begins(
    small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    maker = segmenter(small_tokenizer, line_span_share=1.0, heal_share=1.0)
    text, rng = small_corpus[0], np.random.default_rng(0)
    pieces = small_tokenizer.pre_tokenizer.pre_tokenize_str(text)
    starts = {start for _, (start, _) in pieces}
    for _ in range(100):
        first, last = maker.draw_middle(text, rng)
        assert first in starts
        assert last == len(text) or text[last] == "\n"
