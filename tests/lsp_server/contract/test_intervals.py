"""Quantiles, by numbers worked by hand and against numpy's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.intervals import percentiles

INFINITE = math.inf


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([10, 100], 0.5, 55.0),
        ([100, 10, 20], 0.5, 20.0),
        ([1, 2, 3, 4, 5], 0.95, 4.8),
        ([7], 0.99, 7.0),
        ([1, 2, INFINITE], 0.5, 2.0),
        ([1, 2, INFINITE], 0.9, INFINITE),
        ([1, 2, INFINITE], 0.6, 2.0),
        ([], 0.5, 0.0),
    ],
)
def test_the_median_of_two_values_lies_between_them(
    values: list[float], share: float, expected: float
) -> None:
    assert percentiles(values, share) == [pytest.approx(expected)]


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_quantiles_are_those_that_numpy_has(values: list[float], shares: list[float]) -> None:
    expected = np.quantile(values, shares)
    assert percentiles(values, *shares) == pytest.approx(list(expected), abs=1e-6)
