"""Fits the cache model's weights by maximum likelihood.

Adam on the mean negative log-likelihood, with the gradient of the nested mixture by hand.

Shapes: N samples, K rungs of both levels, W weights of one level.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lsp_server.bench.mixture.samples import RUNGS, Samples
from lsp_server.contract.recall import LADDER
from lsp_server.engines.mixture import AGREED, SEEN, SURE, LevelWeights, MixtureWeights

Array = NDArray[np.float64]

SMALLEST = 1e-9
"""Stands for a probability of 0."""
PARTS = np.cumsum([len(LADDER), len(SEEN), len(AGREED), len(SURE)])
"""Where each kind of weight ends among those of a level."""


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How weights are fitted."""

    steps: int = 600
    batch: int = 4_000
    """Samples per step."""
    rate: float = 0.1
    """Of the first step; it falls linearly to a twentieth."""
    decay: float = 1e-4
    """Weight of the squares of all weights in what is minimised."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """The mixture of every sample, rung by rung."""

    weights_NK: Array
    before_NK: Array
    """The token's probability before each rung was mixed in."""
    mixed_N: Array
    """Its probability in the end."""


def mix_samples(samples: Samples, weights_LW: Array) -> Chain:
    """What `mixture.mix` gives to each sample's token."""
    present = samples.length_NK >= 0
    logits_NK = np.concatenate(
        [level_logits(samples, level, weights_LW[level]) for level in (0, 1)], axis=1
    )
    mixed_NK = np.where(present, 1 / (1 + np.exp(-logits_NK)), 0.0)
    before_NK = np.empty_like(mixed_NK)
    probability_N = np.maximum(samples.model_N, SMALLEST)
    for at in range(2 * RUNGS):
        before_NK[:, at] = probability_N
        probability_N = (1 - mixed_NK[:, at]) * probability_N + (
            mixed_NK[:, at] * samples.share_NK[:, at]
        )
    return Chain(mixed_NK, before_NK, np.maximum(probability_N, SMALLEST))


def level_logits(samples: Samples, level: int, weights_W: Array) -> Array:
    """The logits of a level's rungs, [N, RUNGS]; those of absent rungs mean nothing."""
    rungs = slice(level * RUNGS, (level + 1) * RUNGS)
    length_W, seen_W, agreed_W, sure_W = np.split(weights_W, PARTS[:-1])
    logits: Array = (
        length_W[samples.length_NK[:, rungs]]
        + seen_W[samples.seen_NK[:, rungs]]
        + agreed_W[samples.agreed_NK[:, rungs]]
        + sure_W[samples.sure_N][:, None]
    )
    return logits


def nats(samples: Samples, weights_LW: Array) -> float:
    """Mean negative log-likelihood per token."""
    return float(-np.log(mix_samples(samples, weights_LW).mixed_N).mean())


def gradient(samples: Samples, weights_LW: Array) -> Array:
    """Of `nats`, in the weights' shape."""
    chain = mix_samples(samples, weights_LW)
    back_N = -1 / chain.mixed_N / len(chain.mixed_N)
    result = np.zeros_like(weights_LW)
    starts = [0, *PARTS[:-1].tolist()]
    for at in reversed(range(2 * RUNGS)):
        weight_N, there = chain.weights_NK[:, at], samples.length_NK[:, at] >= 0
        slope_N = back_N * (samples.share_NK[:, at] - chain.before_NK[:, at])
        slope_N = (slope_N * weight_N * (1 - weight_N))[there]
        classes = (samples.length_NK, samples.seen_NK, samples.agreed_NK)
        columns = [table[there, at] for table in classes] + [samples.sure_N[there]]
        for start, column in zip(starts, columns, strict=True):
            np.add.at(result[at // RUNGS], start + column, slope_N)
        back_N = back_N * (1 - weight_N)
    return result


def fit(samples: Samples, config: FitConfig) -> Array:
    """The weights [L, W] that make the samples likeliest."""
    weights_LW = np.zeros((2, int(PARTS[-1])))
    weights_LW[:, : len(LADDER)] = -2.0
    mean, square = np.zeros_like(weights_LW), np.zeros_like(weights_LW)
    random = np.random.default_rng(config.seed)
    for step in range(1, config.steps + 1):
        chosen = random.choice(len(samples.model_N), config.batch)
        slope = gradient(samples.take(chosen), weights_LW) + 2 * config.decay * weights_LW
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * slope**2
        rate = config.rate * (1 - 0.95 * step / config.steps)
        scaled = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
        weights_LW = weights_LW - rate * scaled
    return weights_LW


def as_weights(weights_LW: Array) -> MixtureWeights:
    """The weights as the engine reads them."""
    levels = []
    for weights_W in weights_LW.round(3):
        parts = [tuple(part.tolist()) for part in np.split(weights_W, PARTS[:-1])]
        length, seen, agreed, sure = parts
        levels.append(LevelWeights(length=length, seen=seen, agreed=agreed, sure=sure))
    return MixtureWeights(project=levels[0], file=levels[1])


def cross_validate(samples: Samples, config: FitConfig) -> list[tuple[int, float, float]]:
    """For each project: its number, nats per token of the model alone and of the mixture.

    The mixture's weights come from the other projects.
    """
    alone_N, mixed_N = nats_alone(samples), nats_left_out(samples, config)
    projects = np.unique(samples.project_N).tolist()
    owns = [samples.project_N == project for project in projects]
    return [
        (project, float(alone_N[own].mean()), float(mixed_N[own].mean()))
        for project, own in zip(projects, owns, strict=True)
    ]


def nats_alone(samples: Samples) -> Array:
    """What each token costs by the model alone, [N]."""
    nats_N: Array = -np.log(np.maximum(samples.model_N, SMALLEST))
    return nats_N


def nats_left_out(samples: Samples, config: FitConfig) -> Array:
    """What each token costs by the mixture whose weights come from the other projects, [N]."""
    nats_N = np.empty(len(samples.model_N))
    for project in np.unique(samples.project_N).tolist():
        own = samples.project_N == project
        weights_LW = fit(samples.take(~own), config)
        nats_N[own] = -np.log(mix_samples(samples.take(own), weights_LW).mixed_N)
    return nats_N
