"""Figures with 95 % confidence intervals."""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from lsp_server.contract.intervals import ratio_interval, sums_of, wilson

RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, its interval, and the number of observations it rests on."""

    value: float
    low: float
    high: float
    n: int


def pass_at_k(samples: int, passed: int, k: int) -> float:
    """Probability that at least one of `k` of the samples, drawn without replacement, passed.

    The unbiased estimator of Chen et al. 2021, "Evaluating Large Language Models Trained on Code":
    1 - C(samples - passed, k) / C(samples, k). Raises ValueError where k is not in 1..samples.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"pass@k: expected k in 1..{samples}, found {k}")
    return 1 - math.comb(samples - passed, k) / math.comb(samples, k)


def share_figure(successes: Sequence[bool], groups: Sequence[Hashable]) -> Figure:
    """Share of successes with Wilson's interval, widened for successes that go together in groups.

    The trials count as fewer, by the ratio of the share's variance over whole groups to that of
    independent trials (Korn and Graubard 1998); as one a group where all trials end alike.
    """
    share = sum(successes) / len(successes)
    low, high = wilson(share, effective_trials(successes, groups))
    return Figure(share, low, high, len(successes))


def effective_trials(successes: Sequence[bool], groups: Sequence[Hashable]) -> float:
    """Independent trials that would tell as much as these."""
    share = sum(successes) / len(successes)
    residuals: dict[Hashable, float] = defaultdict(float)
    for success, group in zip(successes, groups, strict=True):
        residuals[group] += success - share
    if share in (0.0, 1.0) or len(residuals) == 1:
        return len(residuals)
    count = len(residuals)
    variance = count / (count - 1) * sum(residual**2 for residual in residuals.values())
    independent = share * (1 - share) * len(successes)
    return len(successes) * min(1.0, independent / variance) if variance else len(successes)


def mean_figure(values: Sequence[float], groups: Sequence[Hashable], seed: int) -> Figure:
    """Mean of values in 0..1 with the bootstrap's interval over whole groups.

    Where all are 0, or all 1, the bootstrap has nothing to vary: the interval is then Wilson's,
    with a trial a group.
    """
    figure = ratio_figure(values, [1.0] * len(values), groups, seed)
    if figure.value not in (0.0, 1.0):
        return figure
    low, high = wilson(figure.value, len(set(groups)))
    return Figure(figure.value, low, high, figure.n)


def ratio_figure(
    numerators: Sequence[float],
    denominators: Sequence[float],
    groups: Sequence[Hashable],
    seed: int,
) -> Figure:
    """Sum of numerators over sum of denominators, with the bootstrap's interval over whole groups.

    Raises ValueError where the denominators come to 0.
    """
    sums = sums_of(zip(groups, numerators, denominators, strict=True))
    found = ratio_interval([sums], [1.0], resamples=RESAMPLES, seed=seed)
    if found is None:
        raise ValueError("expected denominators whose sum is above 0")
    return Figure(*found, len(numerators))
