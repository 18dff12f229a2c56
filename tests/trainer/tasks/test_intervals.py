"""Figures and their intervals, on numbers worked by hand and on known values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.intervals import wilson
from trainer.tasks.intervals import (
    effective_trials,
    mean_figure,
    pass_at_k,
    ratio_figure,
    share_figure,
)


@pytest.mark.parametrize(
    ("samples", "passed", "k", "expected"),
    [
        (10, 0, 1, 0.0),
        (10, 10, 10, 1.0),
        (10, 3, 1, 0.3),
        (4, 1, 2, 0.5),  # 1 - C(3,2)/C(4,2) = 1 - 3/6
        (5, 2, 3, 0.9),  # 1 - C(3,3)/C(5,3) = 1 - 1/10
        (200, 1, 100, 0.5),
        (5, 3, 3, 1.0),  # fewer than k failed
    ],
)
def test_pass_at_k_is_the_unbiased_estimator(
    samples: int, passed: int, k: int, expected: float
) -> None:
    assert pass_at_k(samples, passed, k) == pytest.approx(expected)


@pytest.mark.parametrize("k", [0, 11])
def test_pass_at_k_refuses_a_k_outside_its_samples(k: int) -> None:
    with pytest.raises(ValueError, match="k in 1..10"):
        pass_at_k(10, 5, k)


@given(st.integers(1, 60), st.data())
def test_pass_at_k_grows_with_k(samples: int, data: st.DataObject) -> None:
    passed = data.draw(st.integers(0, samples))
    values = [pass_at_k(samples, passed, k) for k in range(1, samples + 1)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(passed / samples)


@pytest.mark.parametrize(
    ("share", "trials", "low", "high"),
    [
        (0.0, 10, 0.0, 0.27753),
        (0.5, 10, 0.23659, 0.76341),
        (0.81, 263, 0.75823, 0.85288),
        (1.0, 20, 0.83887, 1.0),
    ],
)
def test_wilson_gives_the_published_intervals(
    share: float, trials: int, low: float, high: float
) -> None:
    assert wilson(share, trials) == pytest.approx((low, high), abs=5e-4)


def test_wilson_solves_its_own_equation() -> None:
    low, high = wilson(0.3, 50)
    for bound in (low, high):
        z = abs(0.3 - bound) / math.sqrt(bound * (1 - bound) / 50)
        assert z == pytest.approx(1.959964, abs=1e-5)


def test_independent_trials_keep_wilsons_interval() -> None:
    successes = [True, False] * 20
    figure = share_figure(successes, range(40))
    low, high = wilson(0.5, 40 * 39 / 40)  # the variance over groups has n - 1 below the line
    assert (figure.value, figure.n) == (0.5, 40)
    assert (figure.low, figure.high) == pytest.approx((low, high))


def test_trials_that_always_agree_in_groups_count_as_one_a_group() -> None:
    successes = [True] * 10 + [False] * 10 + [True] * 10 + [False] * 10
    groups = [index // 10 for index in range(40)]
    # residuals of groups are +-5: variance 4/3 * 100; independent 0.25 * 40: 40 * 10 / 133.3 = 3
    assert effective_trials(successes, groups) == pytest.approx(3)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60))
def test_grouping_never_narrows_an_interval(trials: list[tuple[bool, int]]) -> None:
    successes, groups = zip(*trials, strict=True)
    assert 0 < effective_trials(successes, groups) <= len(trials)
    figure = share_figure(successes, groups)
    low, high = wilson(figure.value, len(trials))
    assert figure.low <= low + 1e-12
    assert figure.high >= high - 1e-12
    assert 0 <= figure.low <= figure.value + 1e-12
    assert figure.value <= figure.high + 1e-12 <= 1 + 1e-9


def test_a_ratio_weighs_groups_by_their_size() -> None:
    figure = ratio_figure([10.0, 1.0], [5.0, 5.0], ["a", "b"], seed=0)
    assert figure.value == pytest.approx(1.1)
    assert (figure.low, figure.high) == pytest.approx((0.2, 2.0))


def test_the_bootstraps_interval_is_near_the_normal_one() -> None:
    values = [(index * 37 % 100) / 100 for index in range(400)]
    figure = mean_figure(values, range(400), seed=1)
    spread = 1.96 * 0.2887 / 20
    assert figure.low == pytest.approx(figure.value - spread, abs=0.006)
    assert figure.high == pytest.approx(figure.value + spread, abs=0.006)


def test_the_bootstrap_is_seeded() -> None:
    values, groups = [0.1, 0.5, 0.9, 0.4, 0.7], range(5)
    assert mean_figure(values, groups, 3) == mean_figure(values, groups, 3)
    assert mean_figure(values, groups, 3) != mean_figure(values, groups, 4)


def test_nothing_solved_still_has_an_upper_bound() -> None:
    figure = mean_figure([0.0] * 10, range(10), seed=0)
    assert (figure.low, figure.high) == pytest.approx((0.0, 0.27753), abs=1e-4)
