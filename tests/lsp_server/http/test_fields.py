"""Fields of bodies: defaults, ranges, and what is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.http.dialects.fields import (
    LONGEST_STOP,
    MOST_CHUNKS,
    MOST_COMPLETIONS,
    MOST_STOPS,
    MOST_TOKENS,
    chunks_of,
    count_of,
    number_of,
    sampling_of,
    stops_of,
    text_of,
    tokens_of,
)
from lsp_server.http.guard.bodies import DEEPEST, parse_body
from lsp_server.http.refusal import Refusal

NUMBERS = st.one_of(
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(allow_nan=False),
)


@given(NUMBERS)
def test_every_number_is_brought_into_its_range(value: float) -> None:
    body = dict.fromkeys(("n", "max_tokens", "temperature", "top_p", "seed"), value)
    assert 1 <= count_of(body) <= MOST_COMPLETIONS
    tokens = tokens_of(body, "max_tokens")
    assert tokens is None or 0 <= tokens <= MOST_TOKENS
    drawn = sampling_of(body)
    assert 0 <= drawn["temperature"] <= 2
    assert 0 < drawn["top_p"] <= 1
    assert 0 <= drawn["seed"] < 2**31


@pytest.mark.parametrize("value", [-1, -(10**30), -0.5])
def test_a_negative_number_of_tokens_is_as_many_as_the_server_gives(value: float) -> None:
    found = tokens_of({"n_predict": value}, "n_predict", "max_tokens")
    assert found is None or found == 0


@pytest.mark.parametrize("value", ["5", True, [], {}, math.nan])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(Refusal) as caught:
        number_of({"n": value}, "n", 1, 1, 4)
    assert (caught.value.status, caught.value.parameter) == (400, "n")


def test_stops_are_few_short_and_never_empty() -> None:
    assert stops_of({"stop": "\n"}) == ("\n",)
    assert stops_of({"stop": ["", "a"]}) == ("a",)
    found = stops_of({"stop": ["x" * 1000] * 100})
    assert (len(found), {len(text) for text in found}) == (MOST_STOPS, {LONGEST_STOP})


@pytest.mark.parametrize("value", [1, [1], {"a": 1}])
def test_stops_of_another_type_are_refused(value: Any) -> None:
    with pytest.raises(Refusal):
        stops_of({"stop": value})


def test_half_a_character_counts_as_a_replacement() -> None:
    assert text_of({"prompt": "a\ud800b"}, "prompt") == "a\ufffdb"


def test_of_many_chunks_the_last_ones_count() -> None:
    values = [{"text": str(number)} for number in range(MOST_CHUNKS + 5)]
    found = chunks_of(values, "text", "filename")
    assert (len(found), found[0].text) == (MOST_CHUNKS, "5")


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"1",
        b'"a"',
        b"null",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b"\xff",
        b'{"a": ' + b"9" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"a": ' + b"[" * 90 + b"]" * 90 + b"}",
    ],
)
def test_a_body_that_readers_could_take_differently_is_refused(content: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parse_body(content)
    assert caught.value.status == 400


def test_a_body_within_the_depth_is_read() -> None:
    content = b'{"a": ' + b"[" * (DEEPEST - 2) + b"]" * (DEEPEST - 2) + b"}"
    assert "a" in parse_body(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_any_object_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert parse_body(json.dumps(value).encode()) == value
