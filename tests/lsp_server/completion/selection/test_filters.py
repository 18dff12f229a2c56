"""Filters on candidates written by hand."""

from dataclasses import replace
from math import log

import pytest

from lsp_server.completion.selection.filters import (
    ExplainedFilter,
    FilterContext,
    drop_blank,
    drop_repeat_of_suffix,
    keep_likely_part,
)
from lsp_server.engines import Candidate, StopReason

CONTEXT = FilterContext(
    prefix="", suffix="", language="python", min_probability=0.5, min_characters=3
)


def candidate_of(*tokens: tuple[str, float], stop: StopReason = StopReason.END) -> Candidate:
    """A candidate of tokens with their probabilities."""
    texts = tuple(text for text, _ in tokens)
    return Candidate(texts, tuple(log(probability) for _, probability in tokens), stop)


def text_of(candidate: Candidate | None) -> str | None:
    """What is left of a candidate."""
    return candidate.text if candidate else None


@pytest.mark.parametrize(
    ("tokens", "stop", "expected"),
    [
        ([("self", 0.9), (".", 0.9), ("name", 0.9)], StopReason.END, "self.name"),
        ([("self", 0.9), (".", 0.99), ("name", 0.5)], StopReason.END, "self."),
        # one more character is not worth being wrong once more in seven times
        ([("self", 0.9), (".", 0.85), ("name", 0.5)], StopReason.END, "self"),
        ([("self", 0.4), (".", 1.0)], StopReason.END, None),
        # three characters at 0.9 are worth more than five at 0.55
        ([("self", 0.9), (".x", 0.61)], StopReason.END, "self"),
        # the token limit may have cut a name in two, the model's own end has not
        ([("self.", 1.0), ("na", 0.9)], StopReason.LENGTH, "self."),
        ([("self.", 1.0), ("na", 0.95)], StopReason.END, "self.na"),
        # where the model became unsure, what it was sure of stays
        ([("enum", 1.0), ("erate", 0.9)], StopReason.UNLIKELY, "enumerate"),
        # a name is not cut in two where its second half is unlikely
        ([("x = ", 0.9), ("re", 0.9), ("sult", 0.5)], StopReason.END, "x = "),
        ([], StopReason.END, None),
    ],
)
def test_the_part_that_is_worth_most_is_kept(
    tokens: list[tuple[str, float]], stop: StopReason, expected: str | None
) -> None:
    assert text_of(keep_likely_part(candidate_of(*tokens, stop=stop), CONTEXT)) == expected


@pytest.mark.parametrize("indent", ["    ", "\t", "  ", "\t\t\t"])
def test_indentation_is_worth_nothing(indent: str) -> None:
    # with its four spaces counted, the second line would be worth being wrong once more in four
    candidate = candidate_of(("pass", 0.9), (f"\n{indent}x", 0.75))
    assert text_of(keep_likely_part(candidate, CONTEXT)) == "pass"


def test_no_text_is_shown_that_is_wrong_more_often_than_the_setting_allows() -> None:
    candidate = candidate_of(("abc", 0.3))
    assert keep_likely_part(candidate, CONTEXT) is None
    assert keep_likely_part(candidate, replace(CONTEXT, min_probability=0.3 - 1e-9)) == candidate


@pytest.mark.parametrize(
    ("prefix", "text", "suffix", "expected"),
    [
        ("f(", "x, y)", ")\n", "x, y"),
        ("f(", "g(x), y", ")\n", "g(x), y"),
        ("f(", "g(x))", ")\n", "g(x)"),
        ("f(", "x):", ")\n", "x"),
        ("x = '", "name'", "'\n", "name"),
        ("d[", "'key']", "]", "'key'"),
        ("if ", "not x:", ":", "not x"),
        ("", "return value", " value", "return"),
        ("", "elif e", "else", "elif "),
        ("f(", ")", ")", None),
        ("    ", "x = 1\n    return x", "\n    return x\n", "x = 1"),
        ("    ", "return x", "\n\n    return x\n", None),
        ("    ret", "urn x", "\n    return x\n", None),
        ("    ", "return x", "\n    return y\n", "return x"),
        ("f(", "a,\n    b", ")\n    b\n", "a,"),
    ],
)
def test_what_stands_behind_the_cursor_is_not_repeated(
    prefix: str, text: str, suffix: str, expected: str | None
) -> None:
    context = replace(CONTEXT, prefix=prefix, suffix=suffix)
    candidate = candidate_of(*((character, 1.0) for character in text))
    assert text_of(drop_repeat_of_suffix(candidate, context)) == expected


@pytest.mark.parametrize(("text", "shown"), [("", 0), ("  \n ", 0), (" ab ", 0), (" abc", 1)])
def test_white_space_and_very_short_texts_are_not_shown(text: str, shown: int) -> None:
    assert bool(drop_blank(candidate_of((text, 1.0)), CONTEXT)) == shown


UNLIKELY = candidate_of(("import", 0.3), stop=StopReason.UNLIKELY)


@pytest.mark.parametrize(
    ("dropping", "candidate", "said"),
    [
        (
            keep_likely_part,
            candidate_of(("re", 0.6), ("turn", 0.6), (" x", 0.9)),
            "'return' is 36% likely, below min_probability 50%; lower min_probability to see it",
        ),
        (
            keep_likely_part,
            replace(candidate_of(stop=StopReason.UNLIKELY), unlikely=UNLIKELY),
            "'import' is 30% likely, below min_probability 50%; lower min_probability to see it",
        ),
        (
            keep_likely_part,
            candidate_of(("na", 0.9), stop=StopReason.LENGTH),
            "the model has no whole word to suggest",
        ),
        (drop_repeat_of_suffix, candidate_of((")", 0.9)), "')' stands after the cursor already"),
        (keep_likely_part, candidate_of(("\n ", 0.9)), "the model has only white space to suggest"),
        (
            keep_likely_part,
            candidate_of(("  ", 0.9), ("x", 0.4)),
            "'  x' is 36% likely, below min_probability 50%; lower min_probability to see it",
        ),
        (drop_blank, candidate_of(("\n  ", 0.9)), "there is only white space to suggest"),
        (drop_blank, candidate_of(), "there is no text to suggest"),
        (
            drop_blank,
            candidate_of(("x ", 0.9)),
            "'x ' is shorter than min_characters 3; lower min_characters to see it",
        ),
    ],
)
def test_a_filter_that_leaves_nothing_says_why(
    dropping: ExplainedFilter, candidate: Candidate, said: str
) -> None:
    context = replace(CONTEXT, suffix=")\n")
    assert dropping(candidate, context) is None
    assert dropping.reason(candidate, context) == said
