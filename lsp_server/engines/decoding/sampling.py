"""Picks the next token, greedily or by sampling.

Shapes: V is the number of tokens to choose from.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsp_server.engines import Limits

Vector = NDArray[np.float32]


@dataclass(slots=True)
class Sampler:
    """Greedy at temperature 0, else nucleus sampling with its own seeded generator."""

    temperature: float
    top_p: float
    rng: np.random.Generator

    def choose(self, probabilities_V: Vector) -> tuple[int, float]:
        """Index of the chosen token, and its log-probability at temperature 1."""
        greedy = self.temperature <= 0
        token = int(probabilities_V.argmax()) if greedy else self._draw(probabilities_V)
        return token, math.log(probabilities_V[token])

    def _draw(self, probabilities_V: Vector) -> int:
        kept_V = nucleus(temper(probabilities_V, self.temperature), self.top_p)
        return int(self.rng.choice(len(kept_V), p=kept_V))


def make_sampler(limits: Limits) -> Sampler:
    """The sampler that `limits` ask for."""
    return Sampler(limits.temperature, limits.top_p, np.random.default_rng(limits.seed))


def softmax(logits_V: Vector) -> Vector:
    """Probabilities, a new array; tokens at -inf have none."""
    result: Vector = np.exp(logits_V - logits_V.max())
    result /= result.sum()
    return result


def temper(probabilities_V: Vector, temperature: float) -> Vector:
    """Probabilities to the power of 1 / temperature, renormalised; the highest is above 0."""
    scaled_V = (probabilities_V / probabilities_V.max()) ** np.float32(1 / temperature)
    result: Vector = scaled_V / scaled_V.sum()
    return result


def nucleus(probabilities_V: Vector, top_p: float) -> NDArray[np.float64]:
    """The fewest most probable tokens that hold `top_p` together, renormalised; the rest at 0.

    Source: Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration". The most probable
    token always stays.
    """
    wide_V = probabilities_V.astype(np.float64)
    if top_p < 1:
        order_V = np.argsort(-wide_V, kind="stable")
        before_V = np.cumsum(wide_V[order_V]) - wide_V[order_V]
        dropped_V = before_V >= top_p
        dropped_V[0] = False
        wide_V[order_V[dropped_V]] = 0.0
    normalised_V: NDArray[np.float64] = wide_V / wide_V.sum()
    return normalised_V
