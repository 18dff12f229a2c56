"""Candidates in the middle of a line, with chances written by hand."""

from collections.abc import Mapping, Sequence
from math import exp, log

import pytest

from lsp_server.completion.selection.conditioning import Score, beginning, condition
from lsp_server.contract.fitting import Gap, gap_at
from lsp_server.engines import Candidate, StopReason


def candidate_of(*tokens: str) -> Candidate:
    return Candidate(tokens, (log(0.9),) * len(tokens), StopReason.RULE)


def scored(chances: Mapping[str, float]) -> Score:
    """Gives texts these chances, and others next to none."""
    return lambda texts: [log(chances.get(text, 1e-9)) for text in texts]


def probabilities(candidate: Candidate) -> list[float]:
    """Of each start that ends with a token, rounded."""
    totals = [sum(candidate.logprobs[: end + 1]) for end in range(len(candidate.logprobs))]
    return [round(exp(total), 3) for total in totals]


CALL = gap_at("python", "x = foo(", ", timeout=3)\n")


def test_a_candidate_ends_where_the_rest_goes_on_best() -> None:
    chances = {"url, timeout=3)\n": 0.6, "url, data, timeout=3)\n": 0.1, ", timeout=3)\n": 0.3}
    [found] = condition([candidate_of("url", ", data", ", x")], CALL, scored(chances))
    assert found.text == "url, data, x"
    assert probabilities(found) == [0.7, 0.1, 0.0]


def test_a_candidate_is_nothing_where_the_line_is_likelier_as_it_is() -> None:
    chances = {"url, timeout=3)\n": 0.2, ", timeout=3)\n": 0.3}
    [found] = condition([candidate_of("url")], CALL, scored(chances))
    assert (found.text, found.stop) == ("", StopReason.COMPLETE)


def test_the_candidate_that_the_rest_speaks_for_comes_first() -> None:
    chances = {"url, timeout=3)\n": 0.3, "uri, timeout=3)\n": 0.6, ", timeout=3)\n": 0.1}
    candidates = [candidate_of("url"), candidate_of("uri")]
    found = condition(candidates, CALL, scored(chances))
    assert [item.text for item in found] == ["uri", "url"]
    assert [probabilities(item) for item in found] == [[0.6], [0.3]]


def test_what_does_not_fit_is_left_to_the_filters_and_asks_nobody() -> None:
    def score(texts: Sequence[str]) -> Sequence[float]:
        pytest.fail("nothing to ask")

    candidates = [candidate_of("400")]
    assert condition(candidates, gap_at("python", "x == ", "200"), score) == candidates


def test_a_cancelled_score_changes_nothing() -> None:
    candidates = [candidate_of("url")]
    assert condition(candidates, CALL, lambda texts: None) == candidates


@pytest.mark.parametrize(
    ("rest", "judged"),
    [
        (", b)", ", b)\n"),
        (".join(a, b)", ".join(a, b"),
        (" as handle:", " as handle:\n"),
    ],
)
def test_the_first_words_of_the_rest_are_judged(rest: str, judged: str) -> None:
    assert beginning(rest) == judged


@pytest.mark.parametrize(
    ("line", "evident"),
    [
        ("foo(¦, x)", True),
        ("foo(¦)", False),
        ('"¦"):', False),
        ("x = ¦  # so", False),
        ("x = ¦", False),
        ("na¦me", False),
    ],
)
def test_code_behind_the_cursor_is_evidence_and_closing_marks_are_none(
    line: str, evident: bool
) -> None:
    prefix, rest = line.split("¦")
    gap: Gap = gap_at("python", prefix, rest + "\nx = 1\n")
    assert gap.is_evidence is evident
