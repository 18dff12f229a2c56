"""The cache model: mixes the project's counts into the model's distribution.

From the shortest context to the longest, first of the project and then of the current file, the
distribution so far gives way to the counts of what followed that context, by a weight that depends
on the context's length, how often it was seen, how often the same token followed, and how sure the
model is. Each step mixes two distributions, so the result is one.

Source: Hellendoorn & Devanbu 2017, "Are deep neural networks the best choice for modeling source
code?" (nested cache models); Jelinek & Mercer 1980 (interpolation).

Shapes: V vocabulary.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsp_server.contract.bundles.manifest import strict_converter
from lsp_server.contract.recall import LADDER, Levels, Rung
from lsp_server.errors import BundleError

SEEN = (1, 2, 3, 5, 9, 17)
"""Lower bounds of the classes of how often a context was seen."""
AGREED = (0.0, 0.34, 0.5, 0.67, 0.85, 1.0)
"""Lower bounds of the classes of the most frequent token's share."""
SURE = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95)
"""Lower bounds of the classes of the model's highest probability."""
NEARLY_SURE = 1e-6
"""The least that a probability is taken to be below 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelWeights:
    """Parts of a rung's weight, each a logit; their sum goes through the logistic function."""

    length: tuple[float, ...] = field(default=(0.0,) * len(LADDER))
    seen: tuple[float, ...] = field(default=(0.0,) * len(SEEN))
    agreed: tuple[float, ...] = field(default=(0.0,) * len(AGREED))
    sure: tuple[float, ...] = field(default=(0.0,) * len(SURE))

    def of(self, rung: Rung, sure: int) -> float:
        """The weight of a rung's counts, 0..1; `sure` is the class of the model's certainty."""
        seen, agreed = classes(rung)
        logit = self.length[LADDER.index(rung.length)] + self.seen[seen]
        return 1 / (1 + math.exp(-(logit + self.agreed[agreed] + self.sure[sure])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """From a written token's probability to how often its text is right, in logits.

    Text can be right where the token is not: ` self` begins ` selfish` too.
    """

    bias: float = 0.0
    slope: float = 1.0

    def apply(self, logprob: float) -> float:
        """The calibrated logarithm of a probability below 1; source: Platt 1999."""
        odds = logprob - math.log(-math.expm1(min(logprob, -NEARLY_SURE)))
        return -math.log1p(math.exp(-(self.bias + self.slope * odds)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureWeights:
    """The weights of a bundle."""

    project: LevelWeights
    file: LevelWeights
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def levels(self) -> tuple[LevelWeights, LevelWeights]:
        """In the order of `Levels`."""
        return self.project, self.file


def classes(rung: Rung) -> tuple[int, int]:
    """Classes of how often a rung's context was seen, and of its most frequent token's share."""
    share = max(rung.counts.values()) / sum(rung.counts.values())
    return bisect_right(SEEN, rung.total) - 1, bisect_right(AGREED, share) - 1


def sureness(probability: float) -> int:
    """The class of the model's highest probability."""
    return bisect_right(SURE, probability) - 1


def mix(model_V: NDArray[np.float32], levels: Levels, weights: MixtureWeights) -> None:
    """Turn the model's probabilities [V], in place, into the mixture's; they still sum to one."""
    shares = share_out(levels, weights, sureness(float(model_V.max())))
    model_V *= shares.model
    for token, probability in shares.tokens.items():
        model_V[token] += probability


@dataclass(frozen=True, slots=True)
class Shares:
    """A mixture before the model is asked: both parts together are one."""

    model: float
    """What is left to the model's distribution."""
    tokens: Mapping[int, float]
    """What the counts give to each token."""


def share_out(levels: Levels, weights: MixtureWeights, sure: int) -> Shares:
    """What counts and model have of the mixture, where the model's certainty is of class `sure`."""
    steps = [
        (rung, level.of(rung, sure))
        for level, rungs in zip(weights.levels, levels, strict=True)
        for rung in rungs
    ]
    left, tokens = 1.0, dict[int, float]()
    for rung, weight in reversed(steps):
        share = left * weight / sum(rung.counts.values())
        for token, count in rung.counts.items():
            tokens[token] = tokens.get(token, 0.0) + share * count
        left *= 1 - weight
    return Shares(left, tokens)


@cache
def read_weights(path: Path) -> MixtureWeights:
    """Weights from a JSON file; BundleError where it holds something else."""
    try:
        found = strict_converter().structure(json.loads(path.read_bytes()), MixtureWeights)
        sizes = {(len(w.length), len(w.seen), len(w.agreed), len(w.sure)) for w in found.levels}
        if sizes != {(len(LADDER), len(SEEN), len(AGREED), len(SURE))}:
            raise ValueError(f"lists of {sizes} weights")
    except (OSError, AttributeError, ValueError, TypeError, KeyError, ExceptionGroup) as exc:
        raise BundleError(
            f"{path}: expected the weights of the cache model, found {exc}; "
            "fit them with: lory bench fit"
        ) from exc
    return found
