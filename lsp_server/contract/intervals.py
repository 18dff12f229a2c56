"""Wilson and bootstrap intervals, and percentiles."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import floor, isinf

import numpy as np


def percentiles(values: Iterable[float], *shares: float) -> list[float]:
    """For each share (0 to 1) its quantile, linear between the two nearest values (type 7 of
    Hyndman and Fan 1996); 0 of no values. Beside an infinite value it is the nearest one.
    """
    ordered = sorted(values)
    return [between(ordered, share * (len(ordered) - 1)) if ordered else 0.0 for share in shares]


def between(ordered: list[float], place: float) -> float:
    """The value at a place of sorted ones that lies between two numbers."""
    below = floor(place)
    part = place - below
    if not part:
        return float(ordered[below])
    if isinf(ordered[below + 1]):
        return float(ordered[round(place)])
    return float(ordered[below] + part * (ordered[below + 1] - ordered[below]))


Sums = Mapping[Hashable, tuple[float, float]]
"""Hits and cases by group."""

Interval = tuple[float, float, float]
"""A value and the bounds of its 95 % interval."""


Z = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""


def sums_of(counts: Iterable[tuple[Hashable, float, float]]) -> dict[Hashable, tuple[float, float]]:
    """All hits and cases of each group, of (group, hits, cases) in any order."""
    sums: dict[Hashable, tuple[float, float]] = {}
    for group, hits, cases in counts:
        before = sums.get(group, (0.0, 0.0))
        sums[group] = (before[0] + hits, before[1] + cases)
    return sums


def ratio_interval(
    terms: Sequence[Sums], signs: Sequence[float], *, resamples: int, seed: int
) -> Interval | None:
    """The signed sum of the terms' ratios, each its hits over its cases, with its 95 % interval.

    The percentile interval (Efron 1979) of `resamples` draws of whole groups with replacement; a
    group is drawn with what it has in every term, so that [-1, 1] gives a paired change. Draws in
    which a term has no cases do not count. A single group says nothing about its spread: its
    interval is the value alone. None where a term has no cases at all.
    """
    groups = dict.fromkeys(group for term in terms for group in term)
    rows = [[term.get(group, (0.0, 0.0)) for term in terms] for group in groups]
    table = np.array(rows, dtype=np.float64).reshape(-1, len(terms), 2)
    whole = table.sum(axis=0)
    if not whole[:, 1].all():
        return None
    random = np.random.default_rng(seed)
    drawn = table[random.integers(len(table), size=(resamples, len(table)))].sum(axis=1)
    drawn = drawn[(drawn[:, :, 1] > 0).all(axis=1)]
    low, high = percentiles(drawn[:, :, 0] / drawn[:, :, 1] @ signs, 0.025, 0.975)
    return float(whole[:, 0] / whole[:, 1] @ signs), low, high


def wilson(share: float, trials: float) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share of successes among `trials` independent trials."""
    centre = share + Z * Z / (2 * trials)
    spread = Z * math.sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials))
    scale = 1 + Z * Z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
