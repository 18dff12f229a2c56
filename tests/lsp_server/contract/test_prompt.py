"""The prompt layout: budgets hold, text is never a sentinel, typing leaves the start in place."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsp_server.contract.bundles.prompt_layout import OWN
from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import (
    SENTINELS,
    Budget,
    Parts,
    Sentinel,
    assemble,
    build,
    decode,
    encode,
    last_piece,
    load_tokenizer,
    plain,
    psm,
    spm,
)
from lsp_server.engines.prompt_cache import shared_tokens
from lsp_server.errors import TokenizerError
from lsp_server.settings import Settings

CODE = "".join(f"def name_{i}(value):\n    return value + {i}\n\n\n" for i in range(400))


def test_the_layouts_are_those_of_the_docstring() -> None:
    assert spm([10], [20, 21], [30]) == [0, 1, 10, 3, 30, 2, 20, 21]
    assert psm([10], [20, 21], [30]) == [0, 1, 10, 2, 20, 21, 3, 30, 4]
    assert plain([10], [20, 21]) == [0, 1, 10, 2, 20, 21]
    assert plain([], [20]) == [0, 2, 20]


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(SENTINELS))
def test_source_text_never_becomes_a_sentinel(
    small_tokenizer: Tokenizer, before: str, after: str, sentinel: str
) -> None:
    ids = encode(small_tokenizer, before + sentinel + after)
    assert min(ids) > max(Sentinel)
    assert decode(small_tokenizer, ids) == before + sentinel + after


@settings(deadline=None)
@given(st.integers(0, len(CODE)), st.integers(100, 400))
def test_a_prompt_never_exceeds_its_budget(
    small_tokenizer: Tokenizer, cursor: int, context: int
) -> None:
    budget = Budget(context=context, completion=16, path=8, suffix=24)
    prompt = build(small_tokenizer, "a/path.py", CODE[:cursor], CODE[cursor:], budget)
    assert len(prompt.ids) + budget.completion <= budget.context
    assert Sentinel.PREFIX in prompt.ids


@settings(deadline=None)
@given(st.integers(0, len(CODE)), st.integers(60, 400), st.lists(st.text(max_size=200), max_size=4))
def test_a_prompt_with_related_text_never_exceeds_its_budget(
    small_tokenizer: Tokenizer, cursor: int, context: int, related: list[str]
) -> None:
    budget = Budget(context=context, completion=16, path=8, suffix=24, related=100)
    texts = tuple(text + "\n" for text in related)
    parts = Parts(path="a.py", prefix=CODE[:cursor], suffix=CODE[cursor:], related=texts)
    ids = assemble(small_tokenizer, parts, budget).ids
    assert len(ids) + budget.completion <= budget.context
    assert [token for token in ids if token <= max(Sentinel)] == [0, 1, 3, 2]


def test_related_text_is_cut_by_lines_and_leaves_the_rest_to_the_prefix(
    small_tokenizer: Tokenizer,
) -> None:
    budget = Budget(context=400, completion=16, path=8, suffix=24, related=60)
    parts = Parts(prefix=CODE, related=("# a.py\n" + "x = 1\n" * 100,))
    prompt = assemble(small_tokenizer, parts, budget)
    ids = prompt.ids
    related, _, prefix = decode(small_tokenizer, ids).partition("\n\n\n")
    assert related.startswith("# a.py\nx = 1\nx = 1\n")
    assert set(related.split("\n")[1:]) == {"x = 1"}
    assert prompt.heal == "\n\n\n"
    assert CODE.endswith(prefix + prompt.heal)
    alone = build(small_tokenizer, "", CODE, "", budget).ids
    assert len(alone) - 60 < len(ids) <= budget.context - budget.completion


@settings(deadline=None)
@given(st.integers(0, len(CODE)))
def test_prompt_and_healed_piece_end_exactly_at_the_cursor(
    small_tokenizer: Tokenizer, cursor: int
) -> None:
    prompt = build(small_tokenizer, "", CODE[:cursor], CODE[cursor:], Budget(context=400))
    start = prompt.ids.index(Sentinel.PREFIX) + 1
    text = decode(small_tokenizer, prompt.ids[start:]) + prompt.heal
    assert CODE[:cursor].endswith(text)
    assert text or not cursor


def test_typing_ten_lines_moves_the_start_of_the_prefix_at_most_once(
    small_tokenizer: Tokenizer,
) -> None:
    budget = Budget(context=400, completion=16, path=8, suffix=24)
    begin = len(CODE) // 2
    starts = set()
    for cursor in range(begin, begin + 200):
        ids = build(small_tokenizer, "", CODE[:cursor], "", budget).ids
        first = ids.index(Sentinel.PREFIX) + 1
        starts.add(ids[first : first + 12])
    assert len(starts) <= 2


@pytest.mark.parametrize(
    ("prefix", "piece"),
    [
        ("x = sel", " sel"),
        ("def f():\n    ", "\n    "),
        ("foo(", "("),
        ("", ""),
        ("a" * 500, ""),
    ],
)
def test_the_piece_at_the_cursor_is_the_tokenizers_own(
    small_tokenizer: Tokenizer, prefix: str, piece: str
) -> None:
    assert last_piece(small_tokenizer, prefix) == piece


def test_a_huge_document_is_not_tokenized_whole(small_tokenizer: Tokenizer) -> None:
    huge = CODE * 400
    budget = Budget(context=400)
    assert len(build(small_tokenizer, "", huge, huge, budget).ids) <= budget.context


def test_a_tokenizer_without_the_sentinels_is_refused(tmp_path: Path) -> None:
    from tokenizers.models import BPE

    path = tmp_path / "tokenizer.json"
    Tokenizer(BPE({"a": 0}, [])).save(str(path))
    with pytest.raises(TokenizerError, match="expected sentinel ids"):
        load_tokenizer(path)
    with pytest.raises(TokenizerError, match="not a readable tokenizer file"):
        load_tokenizer(tmp_path / "missing.json")


def test_a_bracket_that_the_editor_closes_leaves_the_start_of_the_prompt_as_it_was() -> None:
    tokenizer = load_tokenizer(Settings().bundle_folder / "tokenizer.json")
    before, after = CODE[:120], "\n" + CODE[120:]
    pairs = [("", ""), ("call(", ")"), ("call('", "')"), ("call({'a': [", "]}):")]
    prompts = [build(tokenizer, "a.py", before + new, end + after, Budget()) for new, end in pairs]
    start = list(prompts[0].ids).index(Sentinel.PREFIX)
    assert start > 20
    assert len({prompt.ids[:start] for prompt in prompts}) == 1


@pytest.mark.parametrize("rest", [") + other(1)", " and x):", "name)", ", *args):"])
def test_words_after_the_cursor_stay_in_the_prompt(rest: str) -> None:
    tokenizer = load_tokenizer(Settings().bundle_folder / "tokenizer.json")
    ids = list(build(tokenizer, "", "call(", f"{rest}\n", Budget()).ids)
    assert decode(tokenizer, ids[ids.index(Sentinel.SUFFIX) :]).startswith(rest)


SENTINEL_ORDER = ("<|prefix|>", "<|suffix|>", "{suffix}", "<|middle|>", "{prefix}")


def test_a_model_of_others_gets_its_own_order(small_tokenizer: Tokenizer) -> None:
    budget = Budget(layout=SENTINEL_ORDER, heal=False)
    ids = list(build(small_tokenizer, "a.py", "x = 1\n", "y = 2\n", budget).ids)
    before, after = encode(small_tokenizer, "x = 1\n"), encode(small_tokenizer, "y = 2\n")
    assert ids == [2, 3, *after, 4, *before]


def test_text_between_parts_goes_with_an_empty_part(small_tokenizer: Tokenizer) -> None:
    budget = Budget(layout=("<|file|>", "{suffix}", "\n\n\n", "{prefix}"), heal=False)
    before, after = encode(small_tokenizer, "x = 1\n"), encode(small_tokenizer, "y = 2\n")
    between = encode(small_tokenizer, "\n\n\n")
    whole = build(small_tokenizer, "", "x = 1\n", "y = 2\n", budget).ids
    assert list(whole) == [0, *after, *between, *before]
    assert list(build(small_tokenizer, "", "x = 1\n", "", budget).ids) == [0, *before]


PSM = ("<|prefix|>", "{prefix}", "<|suffix|>", "{suffix}", "<|middle|>")
ANCHORED = ("<|prefix|>", "{above}", "<|suffix|>", "{suffix}", "<|middle|>", "{prefix}")


def tokens_read_a_key(layout: tuple[str, ...], typed: str) -> float:
    """Tokens that differ from the last prompt's, on average over the keys of a text."""
    lines = LineTokenizer(load_tokenizer(Settings().bundle_folder / "tokenizer.json"))
    budget, at = Budget(layout=layout), len(CODE) // 2
    states = (CODE[:at] + typed[:end] for end in range(len(typed) + 1))
    prompts = [build(lines, "a.py", state, CODE[at:], budget).ids for state in states]
    pairs = list(pairwise(prompts))
    return sum(len(new) - shared_tokens(old, new) for old, new in pairs) / len(pairs)


def test_with_the_prefix_in_front_a_key_is_read_as_fast_as_with_the_suffix_there() -> None:
    """The hole opens some lines above the cursor, so that what stands behind it stays."""
    typed = "".join(f"    total += value_{number} * 2\n" for number in range(20))
    assert tokens_read_a_key(PSM, typed) > 80
    assert tokens_read_a_key(ANCHORED, typed) < tokens_read_a_key(OWN, typed) + 10


@settings(deadline=None)
@given(st.integers(0, len(CODE)), st.integers(100, 400), st.booleans())
def test_a_prompt_with_an_open_hole_never_exceeds_its_budget_and_ends_at_the_cursor(
    small_tokenizer: Tokenizer, cursor: int, context: int, related: bool
) -> None:
    budget = Budget(context=context, completion=16, path=8, suffix=24, layout=ANCHORED)
    texts = ("# b.py\nx = 1\n",) if related else ()
    parts = Parts(prefix=CODE[:cursor], suffix=CODE[cursor:], related=texts)
    prompt = assemble(small_tokenizer, parts, budget)
    assert len(prompt.ids) + budget.completion <= budget.context
    middle = prompt.ids.index(Sentinel.MIDDLE)
    assert CODE[:cursor].endswith(decode(small_tokenizer, prompt.ids[middle:]) + prompt.heal)


def test_lorys_own_layout_is_spm(small_tokenizer: Tokenizer) -> None:
    for path in ("", "a.py"):
        ids = build(small_tokenizer, path, "x = 1\n", "y = 2\n", Budget(heal=False)).ids
        parts = (encode(small_tokenizer, text) for text in (path, "x = 1\n", "y = 2\n"))
        assert list(ids) == spm(*parts)
