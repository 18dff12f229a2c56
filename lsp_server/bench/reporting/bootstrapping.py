"""Shares over files with 95 % intervals, and paired changes of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lsp_server.contract.intervals import Sums, ratio_interval, sums_of

Counts = tuple[str, float, float]
"""A file, hits in it and cases."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share, or the change of one, with its 95 % interval over files.

    All None where there was nothing to count.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Resampling of whole files: points and blocks of one file are not independent."""

    seed: int
    resamples: int

    def rate(self, counts: Iterable[Counts]) -> Rate:
        """Sum of hits over sum of cases, with the percentile interval."""
        return self._interval([sums_of(counts)], [1.0])

    def change(self, before: Iterable[Counts], after: Iterable[Counts]) -> Rate:
        """How that share changed; a file is drawn with what it had before and has after."""
        return self._interval([sums_of(before), sums_of(after)], [-1.0, 1.0])

    def _interval(self, terms: Sequence[Sums], signs: Sequence[float]) -> Rate:
        found = ratio_interval(terms, signs, resamples=self.resamples, seed=self.seed)
        return Rate(*found) if found else Rate(None, None, None)
