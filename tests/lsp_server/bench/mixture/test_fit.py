"""Fitting weights and calibration: slopes, what the engine does with them, known answers."""

import math

import numpy as np
import pytest

from lsp_server.bench.mixture.calibration import (
    JudgedTokens,
    expected_error,
    fit_calibration,
    judge,
    reliability,
)
from lsp_server.bench.mixture.fit import (
    PARTS,
    FitConfig,
    as_weights,
    cross_validate,
    fit,
    gradient,
    mix_samples,
    nats,
)
from lsp_server.bench.mixture.samples import Samples, as_arrays
from lsp_server.contract.recall import LADDER, Levels, Rung
from lsp_server.engines import Candidate, StopReason
from lsp_server.engines.mixture import Calibration, mix, sureness

FitRow = tuple[float, int, Levels, int]
VOCABULARY = 12


def random_rungs(random: np.random.Generator, lengths: int) -> tuple[Rung, ...]:
    """Rungs of the ladder's first lengths, with a few counts each."""
    rungs = []
    for length in LADDER[:lengths]:
        tokens = random.choice(VOCABULARY, 3, replace=False).tolist()
        counts = {token: int(random.integers(1, 9)) for token in tokens}
        rungs.append(Rung(length, sum(counts.values()), counts))
    return tuple(rungs)


def random_row(random: np.random.Generator) -> tuple[np.ndarray, FitRow]:
    """The model's distribution, and the sample that comes of it."""
    model = random.dirichlet(np.ones(VOCABULARY)).astype(np.float32)
    project, file = (random_rungs(random, int(random.integers(5))) for _ in range(2))
    token = int(random.integers(VOCABULARY))
    return model, (float(model[token]), sureness(float(model.max())), (project, file), token)


@pytest.fixture(scope="module")
def rows() -> list[tuple[np.ndarray, FitRow]]:
    random = np.random.default_rng(4)
    return [random_row(random) for _ in range(60)]


@pytest.fixture(scope="module")
def samples(rows: list[tuple[np.ndarray, FitRow]]) -> Samples:
    return as_arrays([row for _, row in rows], [number % 2 for number in range(len(rows))])


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.5, (2, int(PARTS[-1]))).round(3)


def test_a_sample_s_mixture_is_the_engine_s(
    rows: list[tuple[np.ndarray, FitRow]], samples: Samples, weights: np.ndarray
) -> None:
    expected = []
    for model, (_, _, levels, token) in rows:
        mixed = model.copy()
        mix(mixed, levels, as_weights(weights))
        expected.append(float(mixed[token]))
    assert mix_samples(samples, weights).mixed_N == pytest.approx(expected, abs=1e-6)


def test_the_gradient_is_the_slope(samples: Samples, weights: np.ndarray) -> None:
    found = gradient(samples, weights)
    step = 1e-5
    for place in np.ndindex(*weights.shape):
        moved = weights.copy()
        moved[place] += step
        slope = (nats(samples, moved) - nats(samples, weights)) / step
        assert found[place] == pytest.approx(slope, abs=1e-4)


def test_weights_learn_which_counts_are_right() -> None:
    said = Rung(4, 9, {1: 9})
    wrong = Rung(4, 9, {2: 9})
    rows: list[FitRow] = [(0.25, 1, ((wrong,), (said,)), 1)] * 40
    samples = as_arrays(rows, [0] * len(rows))
    learned = as_weights(fit(samples, FitConfig(steps=200, batch=40)))
    model = np.array([0.25, 0.25, 0.25, 0.25], np.float32)
    mix(model, ((wrong,), (said,)), learned)
    assert model[1] > 0.9


def test_a_project_is_judged_with_the_weights_of_the_others() -> None:
    right, wrong = Rung(2, 5, {1: 5}), Rung(2, 5, {2: 5})
    rows: list[FitRow] = [(0.5, 2, ((), (said,)), 1) for said in [right] * 30 + [wrong] * 30]
    samples = as_arrays(rows, [0] * 30 + [1] * 30)
    found = cross_validate(samples, FitConfig(steps=150, batch=30))
    (first, alone, mixed), (second, _, misled) = found
    assert (first, second) == (0, 1)
    assert alone == pytest.approx(math.log(2))
    assert mixed == pytest.approx(alone, abs=0.1)  # the other says that such counts are wrong
    assert misled > alone + 1


def test_a_calibration_is_found_again() -> None:
    random = np.random.default_rng(0)
    truth = Calibration(bias=0.7, slope=0.8)
    logprobs = np.log(random.uniform(0.02, 0.98, 40_000))
    right = random.random(len(logprobs)) < np.exp([truth.apply(p) for p in logprobs])
    found = fit_calibration(JudgedTokens(logprobs, right))
    assert found.bias == pytest.approx(0.7, abs=0.06)
    assert found.slope == pytest.approx(0.8, abs=0.04)


def test_a_calibration_of_few_tokens_that_were_all_right_stays_near_none() -> None:
    found = fit_calibration(JudgedTokens(np.log(np.full(5, 0.9)), np.ones(5, bool)))
    assert 0 < found.bias < 1
    assert found.slope == pytest.approx(1, abs=1)


def test_the_curve_counts_what_was_right_in_each_class() -> None:
    chances = np.array([0.25, 0.25, 0.25, 0.25, 0.92, 0.92])
    right = np.array([True, False, False, False, True, True])
    low, high = reliability(np.log(chances), right)
    assert (low.tokens, low.right) == (4, 0.25)
    assert (high.tokens, high.right) == (2, 1.0)
    assert expected_error([low, high]) == pytest.approx((4 * 0 + 2 * 0.08) / 6)


def test_tokens_count_up_to_the_first_wrong_one_and_those_without_text_do_not() -> None:
    candidate = Candidate(("", "re", "turn", " x"), (-0.1, -0.2, -0.3, -0.4), StopReason.END)
    assert judge(candidate, "return y") == [(-0.2, True), (-0.3, True), (-0.4, False)]
    assert judge(candidate, "raise") == [(-0.2, False)]
