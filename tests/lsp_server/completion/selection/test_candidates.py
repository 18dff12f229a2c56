"""Parts of candidates, on tokens written by hand."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.selection.candidates import drop_typed, prefix_probabilities, truncate
from lsp_server.engines import Candidate, StopReason

TOKENS = st.lists(st.text(alphabet="ab ", max_size=4), max_size=6)


def candidate_of(tokens: list[str]) -> Candidate:
    """A candidate whose tokens have the probabilities 1/2, 1/3, 1/4 and so on."""
    logprobs = tuple(-log(number + 2) for number in range(len(tokens)))
    return Candidate(tuple(tokens), logprobs, StopReason.END)


@given(TOKENS, st.integers(0, 30))
def test_the_two_parts_of_a_candidate_are_its_text(tokens: list[str], characters: int) -> None:
    candidate = candidate_of(tokens)
    head, rest = truncate(candidate, characters), drop_typed(candidate, characters)
    assert head.text + rest.text == candidate.text
    assert len(head.text) == min(characters, len(candidate.text))
    for part in (head, rest):
        assert len(part.tokens) == len(part.logprobs)


def test_what_is_typed_is_certain_and_a_token_typed_halfway_is_not() -> None:
    candidate = candidate_of(["ret", "urn", " x"])
    assert prefix_probabilities(candidate) == pytest.approx([1 / 2, 1 / 6, 1 / 24])
    assert prefix_probabilities(drop_typed(candidate, 3)) == pytest.approx([1 / 3, 1 / 12])
    assert prefix_probabilities(drop_typed(candidate, 4)) == pytest.approx([1 / 3, 1 / 12])


def test_a_whole_candidate_keeps_its_stop_and_a_cut_one_does_not() -> None:
    candidate = Candidate(("ab", "c"), (-1.0, -1.0), StopReason.LENGTH)
    assert truncate(candidate, 3) == candidate
    assert truncate(candidate, 1) == Candidate(("a",), (-1.0,), StopReason.RULE)
