"""What of a text fits into its line: the cases of `tests/cases/fits.txt`, the cursor is `¦`."""

import re
from ast import literal_eval
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.completion.selection.filters import (
    FilterContext,
    drop_repeat_of_suffix,
    keep_likely_part,
)
from lsp_server.contract.fitting import fitting_ends, gap_at
from lsp_server.engines import Candidate, StopReason

CASES = Path(__file__).parents[2] / "cases" / "fits.txt"
CASE = re.compile(r"(.*?)\n(.*)\nwrites (.*)\nshows (.*)\n*", re.DOTALL)
CODE = st.text(alphabet="f(x)[]{}\"'\\#.,: \n\té", max_size=40)


@dataclass(frozen=True, slots=True)
class Case:
    """A cursor, what is written there, and what fits of it."""

    prefix: str
    suffix: str
    writes: str
    shows: str | None


def read_cases() -> dict[str, Case]:
    """Each case by its title."""
    cases = {}
    for part in re.split("^== ", CASES.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        found = CASE.fullmatch(part)
        assert found, part
        title, text, writes, shows = found.groups()
        prefix, suffix = text.split("¦")
        kept = None if shows.strip() == "nothing" else literal_eval(shows.strip())
        cases[title] = Case(prefix, suffix + "\n", literal_eval(writes), kept)
    return cases


def context_of(case: Case, language: str = "python") -> FilterContext:
    """What filters see."""
    return FilterContext(
        prefix=case.prefix,
        suffix=case.suffix,
        language=language,
        min_probability=0.0,
        min_characters=1,
        invoked=True,
    )


@pytest.mark.parametrize("title", read_cases())
def test_what_is_shown_fits_before_the_rest_of_its_line(title: str) -> None:
    case = read_cases()[title]
    written = Candidate(tuple(case.writes), (0.0,) * len(case.writes), StopReason.RULE)
    kept = drop_repeat_of_suffix(written, context_of(case))
    assert (kept and kept.text) == case.shows


@pytest.mark.parametrize("title", read_cases())
def test_a_likely_part_fits_too_wherever_its_tokens_end(title: str) -> None:
    case = read_cases()[title]
    written = Candidate((case.writes,), (-0.1,), StopReason.RULE)
    kept = keep_likely_part(written, context_of(case))
    if kept is not None:
        assert len(kept.text) in fitting_ends(context_of(case).gap, case.writes)
    assert (kept is None) == (case.shows is None)


@pytest.mark.parametrize(
    ("prefix", "suffix", "text", "shown"),
    [
        ('print("', '");', 'hi");', "hi"),
        ("let x = `", "`;", "a`", "a"),
        ("// don't (", ") {", "x)", "x"),
        ("foo(", ");", "'a')", "'a'"),
    ],
)
def test_languages_without_a_row_have_brackets_and_quotes(
    prefix: str, suffix: str, text: str, shown: str
) -> None:
    ends = fitting_ends(gap_at("unheard-of", prefix, suffix), text)
    assert text[: ends[-1]] == shown


@given(CODE, CODE, CODE)
def test_any_text_has_ends_that_ascend_within_it(prefix: str, suffix: str, text: str) -> None:
    for language in ("python", "lua"):
        ends = fitting_ends(gap_at(language, prefix, suffix), text)
        assert list(ends) == sorted(set(ends))
        assert all(0 < end <= len(text) for end in ends)


def test_the_rest_of_an_endless_line_is_not_read_for_every_end_of_a_text() -> None:
    """A line of megabytes, as minified data has: what is far behind the cursor says nothing."""
    gap = gap_at("python", "x = '" + "e " * 1_000_000 + "ret", " " + "e " * 1_000_000)
    assert max(len(gap.line), len(gap.rest)) <= 1_000
    assert fitting_ends(gap, "urn total") == (3, 9)
