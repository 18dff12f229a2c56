"""Which value a share of all values does not pass: one rule for every figure of this project."""

from collections.abc import Iterable
from math import floor, isinf


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
