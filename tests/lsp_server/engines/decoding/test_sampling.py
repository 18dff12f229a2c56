"""Choosing tokens, on numbers worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.engines import Limits
from lsp_server.engines.decoding.sampling import make_sampler, nucleus, softmax

CHANCES = np.array([0.5, 0.3, 0.15, 0.05], np.float32)


def test_greedy_takes_the_most_probable_token_and_says_how_probable_it_was() -> None:
    sampler = make_sampler(Limits(stop=lambda _: None))
    token, logprob = sampler.choose(CHANCES[::-1])
    assert token == 3
    assert logprob == pytest.approx(math.log(0.5))


def test_masked_tokens_leave_their_share_to_the_others() -> None:
    masked = np.log(CHANCES) + 7
    masked[0] = -np.inf
    assert softmax(masked) == pytest.approx([0, 0.6, 0.3, 0.1])


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        (1.0, [0.5, 0.3, 0.15, 0.05]),
        (0.8, [0.625, 0.375, 0, 0]),
        (0.79, [0.625, 0.375, 0, 0]),
        (0.81, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        (0.5, [1, 0, 0, 0]),
        (0.0, [1, 0, 0, 0]),
    ],
)
def test_the_nucleus_is_the_fewest_tokens_that_hold_top_p(
    top_p: float, expected: list[float]
) -> None:
    probabilities = np.array([0.5, 0.3, 0.15, 0.05], np.float64)
    assert nucleus(probabilities.astype(np.float64), top_p) == pytest.approx(expected)


def test_samples_come_as_often_as_their_probability_at_the_temperature() -> None:
    sampler = make_sampler(Limits(stop=lambda _: None, temperature=0.5, seed=5))
    drawn = np.bincount([sampler.choose(CHANCES)[0] for _ in range(4000)], minlength=4) / 4000
    squares = np.array([0.25, 0.09, 0.0225, 0.0025])
    assert drawn == pytest.approx(squares / squares.sum(), abs=0.025)


def test_a_sample_s_logarithm_is_that_at_temperature_one() -> None:
    sampler = make_sampler(Limits(stop=lambda _: None, temperature=3.0, seed=1))
    for _ in range(20):
        token, logprob = sampler.choose(CHANCES)
        assert logprob == pytest.approx(math.log(CHANCES[token]), abs=1e-6)


@given(st.lists(st.floats(-80, 80, width=32), min_size=1, max_size=40))
def test_probabilities_add_up_to_one(values: list[float]) -> None:
    total = float(softmax(np.array(values, np.float32)).sum())
    assert total == pytest.approx(1, abs=1e-4)
