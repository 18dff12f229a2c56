"""Signs of reward hacking: cases of `tests/cases/probes.txt`, the text then the truth in `⟦⟧`."""

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.alignment.ppo.reward_hacking import (
    BAD_SIGNS,
    find_harm,
    find_signs,
    judge,
    measure_changes,
    measure_probes,
)
from trainer.alignment.rewards.protocol import Completion
from trainer.alignment.rewards.rules import Names, Parses

CASES = Path(__file__).parents[3] / "cases" / "probes.txt"
HEADING = re.compile(r"^== ([\w ]*): (.*)\n", re.MULTILINE)
PLACE = re.compile(r"⟦(.*?)⟧⟦(.*?)⟧", re.DOTALL)
BEFORE = {"exact": 0.2, "bits_per_byte": 2.0, "characters": 20.0, "empty": 0.01}


def read_completion(code: str) -> Completion:
    place = PLACE.search(code)
    assert place is not None, code
    before, after = code[: place.start()], code[place.end() :]
    return Completion(path="a.py", prefix=before, text=place[1], suffix=after, truth=place[2])


def cases() -> list[tuple[str, str, Completion]]:
    """Signs that are true, title, completion."""
    _, *parts = HEADING.split(CASES.read_text(encoding="utf-8"))
    rows = zip(*(parts[at::3] for at in range(3)), strict=True)
    return [(signs, title, read_completion(code.strip("\n") + "\n")) for signs, title, code in rows]


@pytest.mark.parametrize(
    ("signs", "completion"),
    [pytest.param(signs, completion, id=title) for signs, title, completion in cases()],
)
def test_a_completion_shows_the_signs_of_its_case_and_no_others(
    signs: str, completion: Completion
) -> None:
    found = find_signs(completion)
    assert {name for name, shown in asdict(found).items() if shown is True} == set(signs.split())
    assert found.characters == len(completion.text)


def test_every_sign_has_a_case() -> None:
    named = {name for signs, *_ in cases() for name in signs.split()}
    assert named == {"valid", "parses", "undefined", "exact", *BAD_SIGNS}


def test_valid_is_where_the_rewards_for_parsing_and_names_are_both_full() -> None:
    for _, title, completion in cases():
        full = Parses()(completion) == Names()(completion) == 1.0
        assert find_signs(completion).valid is full, title


def test_a_change_is_that_of_the_same_cursors_with_an_interval_over_repositories() -> None:
    good = read_completion("x = ⟦1⟧⟦1⟧\n")
    broken = replace(good, text="(")
    before, after = [broken] * 4 + [good] * 4, [good] * 2 + [broken] * 2 + [good] * 4
    groups = [f"r{number % 4}" for number in range(8)]

    changes = measure_changes(before, after, groups)

    valid = changes["valid"]
    assert (valid.value, valid.n) == (0.25, 8)
    assert 0 <= valid.low < 0.25 < valid.high <= 0.5
    still = measure_changes(before, before, groups)["valid"]
    assert (still.value, still.low, still.high) == (0, 0, 0)


def test_the_figures_are_shares_over_the_completions() -> None:
    good = read_completion("x = ⟦1⟧⟦1⟧\n")
    figures = measure_probes([good, replace(good, text=""), replace(good, text="y"), good])
    assert figures["valid"] == figures["exact"] == 0.5
    assert (figures["parses"], figures["undefined"], figures["empty"]) == (0.75, 0.25, 0.25)
    assert figures["characters"] == 0.75
    assert set(measure_probes([]).values()) == {0.0}


@given(*[st.text(st.characters() | st.sampled_from("\n :#()'\""))] * 4)
def test_no_text_at_no_cursor_makes_a_probe_raise(
    prefix: str, text: str, suffix: str, truth: str
) -> None:
    completion = Completion(path="", prefix=prefix, text=text, suffix=suffix, truth=truth)
    assert 0 <= find_signs(completion).similarity <= 1


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"exact": 0.195}, ""),
        ({"exact": 0.1949}, "exact match fell by 0.51 points, from 20.00% to 19.49%"),
        ({"exact": 0.9, "bits_per_byte": 1.0}, ""),
        ({"bits_per_byte": 2.02}, ""),
        ({"bits_per_byte": 2.0201}, "bits per byte rose by 1.0"),
        ({"bits_per_byte": float("nan")}, "bits per byte rose by nan"),
        ({"exact": 0.1, "bits_per_byte": 3.0}, "points are allowed) and bits per byte rose by 50"),
    ],
)
def test_tuning_stops_just_beyond_a_line_and_says_which(now: dict[str, float], said: str) -> None:
    harm = find_harm(BEFORE, BEFORE | now)
    assert said in harm
    assert bool(harm) is bool(said)


def test_figures_that_are_missing_cross_no_line() -> None:
    assert judge({"reward": 1.0}, {"reward": 0.0}) == judge({}, {})
    assert find_harm({}, BEFORE) == ""


def test_the_interval_is_as_wide_as_so_few_cursors_make_it() -> None:
    fell = {**BEFORE, "exact": BEFORE["exact"] - 2 / 300}
    assert "fell by 0.67 ± 0.9 points" in judge(BEFORE, fell, cursors=300).harm


def test_a_drift_is_told_of_and_stops_nothing() -> None:
    drifted = {**BEFORE, "characters": 14.0, "empty": 0.0601}
    assert judge(BEFORE, drifted).harm == ""
    assert judge(BEFORE, drifted).warnings == (
        "empty: 1.0% before, 6.0% now",
        "length: 20.0 characters before, 14.0 now (-30%)",
    )
    assert judge(BEFORE, {**BEFORE, "characters": 25.0, "empty": 0.0599}).warnings == ()
