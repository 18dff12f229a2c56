"""Learning-rate schedules against numbers worked by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.errors import RecipeError
from trainer.pretraining.schedule import (
    cosine,
    parse_budget,
    rate_factor,
    run_progress,
    stable_decay,
    warmup,
)


def test_warmup_rises_by_equal_steps_and_is_over_after_its_last() -> None:
    assert [warmup(step, 4) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert warmup(0, 0) == 1.0


def test_stable_decay_holds_then_falls_in_a_line_to_zero() -> None:
    assert stable_decay(0.0, 0.4) == 1.0
    assert stable_decay(0.6, 0.4) == 1.0
    assert stable_decay(0.8, 0.4) == pytest.approx(0.5)
    assert stable_decay(0.9, 0.4) == pytest.approx(0.25)
    assert stable_decay(1.0, 0.4) == 0.0
    assert stable_decay(0.99, 0.0) == 1.0


def test_cosine_is_half_way_down_in_the_middle() -> None:
    assert cosine(0.0) == 1.0
    assert cosine(1 / 3) == pytest.approx(0.75)
    assert cosine(0.5) == pytest.approx(0.5)
    assert cosine(1.0) == pytest.approx(0.0)


def test_ten_steps_of_each_schedule_have_the_rates_worked_by_hand() -> None:
    wsd = [rate_factor("wsd", step, step / 10, 2, 0.4) for step in range(10)]
    assert wsd == pytest.approx([0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    curve = [rate_factor("cosine", step, step / 10, 2, 0.4) for step in range(10)]
    expected = [(1 + math.cos(math.pi * step / 10)) / 2 for step in range(10)]
    assert curve == pytest.approx([0.5, *expected[1:]])


def test_progress_follows_the_clock_under_a_budget_and_the_step_bound_still_ends_it() -> None:
    assert run_progress(step=25, steps=100, elapsed=0.0, budget=0.0) == 0.25
    assert run_progress(step=25, steps=10_000, elapsed=30.0, budget=60.0) == 0.5
    assert run_progress(step=9_000, steps=10_000, elapsed=30.0, budget=60.0) == 0.9
    assert run_progress(step=1, steps=10_000, elapsed=61.0, budget=60.0) == 1.0


@settings(deadline=None)
@given(
    step=st.integers(0, 10**6),
    progress=st.floats(0, 1),
    later=st.floats(0, 1),
    share=st.floats(0, 1),
)
def test_no_schedule_leaves_its_range_or_rises_after_the_warmup(
    step: int, progress: float, later: float, share: float
) -> None:
    for curve in (lambda place: stable_decay(place, share), cosine):
        first, second = sorted((progress, later))
        assert 0.0 <= curve(second) <= curve(first) <= 1.0
    assert 0.0 < warmup(step, 50) <= 1.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("", 0.0), ("90s", 90.0), ("25m", 1500.0), ("1.5h", 5400.0)]
)
def test_a_budget_is_read_in_seconds_minutes_or_hours(text: str, seconds: float) -> None:
    assert parse_budget(text) == seconds


@pytest.mark.parametrize("text", ["25", "m", "-3m", "0s", "soon", "nanm", "infh"])
def test_a_budget_that_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(RecipeError, match="expected a time such as 90s, 25m or 2h"):
        parse_budget(text)
