"""PPO's formulas: advantages, KL estimates, clipped losses, KL control.

No model, no randomness, no state: every function is tested on numbers worked by hand. A mask is
true where the policy wrote a token, its end token included; what stands under a false one never
counts.

Shapes: B rollouts, T tokens of a completion, N places, V vocabulary.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from trainer.alignment.config import PpoConfig


@dataclass(frozen=True, slots=True)
class ClippedLoss:
    """A loss and how much of it the clipping holds."""

    loss: Tensor
    """Scalar, to be minimized."""
    clipped: Tensor
    """Scalar, share of the tokens on which the clipped term counts."""


def entropy_of(logprobs_NV: Tensor) -> Tensor:
    """Nats of uncertainty about each token, `[N]`, from the logarithms of all probabilities."""
    return -(logprobs_NV.exp() * logprobs_NV).sum(-1)


def masked_mean(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Mean over the mask; 0 where it is empty."""
    kept_BT = values_BT.masked_fill(~mask_BT, 0.0)
    return kept_BT.sum() / mask_BT.sum().clamp(min=1)


def log_ratio(policy_BT: Tensor, reference_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """How much likelier, in nats, the policy finds each of its tokens than the reference does.

    As a penalty on the reward (estimator k1 of Schulman 2020) its expected gradient is that of the
    KL divergence from policy to reference. A single one may be negative: it is no measure.
    """
    return (policy_BT - reference_BT).masked_fill(~mask_BT, 0.0)


def kl_estimate(policy_BT: Tensor, reference_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """KL divergence from policy to reference at each token: k3 of Schulman 2020, never negative.

    exp(-r) - 1 + r for the log ratio r, unbiased where the tokens are the policy's own: it is what
    is measured and held to a target. As a penalty on the reward it would hardly pull back: its
    expected gradient is the difference of the two directions of KL, which is 0 near the reference.
    """
    ratio_BT = log_ratio(policy_BT, reference_BT, mask_BT)
    return torch.expm1(-ratio_BT) + ratio_BT


def leave_one_out(scores_B: Tensor, copies: int) -> Tensor:
    """Each score less the mean of the others of its prompt, `[B]`; NaN is none and stays none.

    That takes out how hard a prompt is, without bias: the others do not depend on this one (Kool,
    van Hoof and Welling 2019). A score without others becomes 0, which teaches nothing.
    """
    scores_GC = scores_B.view(-1, copies)
    given_GC = ~scores_GC.isnan()
    known_GC = scores_GC.nan_to_num()
    others_GC = given_GC.sum(1, keepdim=True) - 1
    mean_GC = (known_GC.sum(1, keepdim=True) - known_GC) / others_GC.clamp(min=1)
    return torch.where(others_GC > 0, scores_GC - mean_GC, scores_GC * 0).flatten()


def forward_kl(reference_NV: Tensor, policy_NV: Tensor) -> Tensor:
    """KL divergence from reference to policy at each of N places, `[N]`, from their logits."""
    reference_NV, policy_NV = reference_NV.log_softmax(-1), policy_NV.log_softmax(-1)
    return (reference_NV.exp() * (reference_NV - policy_NV)).sum(-1)


def token_rewards(
    scores_BT: Tensor, ratio_BT: Tensor, coefficient: float, mask_BT: Tensor
) -> Tensor:
    """What each token earns: its score, less the price of leaving the reference."""
    return (scores_BT - coefficient * ratio_BT).masked_fill(~mask_BT, 0.0)


def at_last_token(scores_B: Tensor, mask_BT: Tensor) -> Tensor:
    """Scores of completions as scores of their last tokens, `[B, T]`; none for an empty one."""
    places_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    last_B = torch.where(mask_BT, places_T, -1).amax(1)
    return torch.where(places_T == last_B[:, None], scores_B[:, None], 0.0)


def gae(
    rewards_BT: Tensor, values_BT: Tensor, mask_BT: Tensor, gamma: float, gae_lambda: float
) -> Tensor:
    """Generalized advantage estimates, `[B, T]` (Schulman et al. 2016).

    A completion's tokens are neighbours in the mask: the value after its last one is 0.
    """
    advantages_BT = torch.zeros_like(values_BT)
    next_value_B = torch.zeros_like(values_BT[:, 0])
    next_advantage_B = torch.zeros_like(next_value_B)
    for t in reversed(range(values_BT.shape[1])):
        surprise_B = rewards_BT[:, t] + gamma * next_value_B - values_BT[:, t]
        here_B = surprise_B + gamma * gae_lambda * next_advantage_B
        next_advantage_B = torch.where(mask_BT[:, t], here_B, next_advantage_B)
        next_value_B = torch.where(mask_BT[:, t], values_BT[:, t], next_value_B)
        advantages_BT[:, t] = torch.where(mask_BT[:, t], here_B, 0.0)
    return advantages_BT


def whiten(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Values of mean 0 and variance 1 over the mask; all 0 where they are all alike."""
    centred_BT = (values_BT - masked_mean(values_BT, mask_BT)).masked_fill(~mask_BT, 0.0)
    variance = masked_mean(centred_BT.square(), mask_BT)
    return centred_BT * (variance + 1e-8).rsqrt()


def policy_loss(
    now_BT: Tensor, then_BT: Tensor, advantages_BT: Tensor, mask_BT: Tensor, clip: float
) -> ClippedLoss:
    """The clipped surrogate (Schulman et al. 2017, eq. 7), as a loss.

    `now_BT` and `then_BT` are log-probabilities of the tokens under the policy as it is and as it
    was when it wrote them.
    """
    ratio_BT = (now_BT - then_BT).masked_fill(~mask_BT, 0.0).exp()
    free_BT = -advantages_BT * ratio_BT
    held_BT = -advantages_BT * ratio_BT.clamp(1 - clip, 1 + clip)
    loss = masked_mean(torch.maximum(free_BT, held_BT), mask_BT)
    return ClippedLoss(loss, masked_mean((held_BT > free_BT).float(), mask_BT).detach())


def value_loss(
    now_BT: Tensor, then_BT: Tensor, returns_BT: Tensor, mask_BT: Tensor, clip: float
) -> ClippedLoss:
    """Half the squared error of the values, which may leave their old ones by `clip` at most."""
    held_BT = then_BT + (now_BT - then_BT).clamp(-clip, clip)
    free_BT = (now_BT - returns_BT).square()
    bound_BT = (held_BT - returns_BT).square()
    loss = 0.5 * masked_mean(torch.maximum(free_BT, bound_BT), mask_BT)
    return ClippedLoss(loss, masked_mean((bound_BT > free_BT).float(), mask_BT).detach())


WORST_ERROR = 0.2
"""The gathered part follows no larger share of the target (Ziegler et al.)."""

LEAST_EXPONENT, MOST_EXPONENT = -1.0, 1.5
"""Bounds of the exponent in the factor of the current error: KL of 0, and of 2.5 targets."""


@dataclass(frozen=True, slots=True)
class KlControl:
    """Where the control of one run stands."""

    gathered: float
    """The coefficient without the factor of the present error."""
    kl: float = 0.0
    """Of the latest iteration, nats in a completion."""

    def coefficient(self, config: PpoConfig) -> float:
        """Price of a nat of log ratio in the next iteration."""
        if config.kl_control == "fixed":
            return config.kl_coefficient
        error = self.kl / config.kl_target - 1
        return self.gathered * math.exp(min(max(error, LEAST_EXPONENT), MOST_EXPONENT))

    def after(self, kl: float, config: PpoConfig) -> "KlControl":
        """The control once an iteration has had this KL."""
        error = min(max(kl / config.kl_target - 1, -WORST_ERROR), WORST_ERROR)
        still_rising = error < 0 and kl > self.kl
        step = 0.0 if still_rising else error * config.rollouts / config.kl_horizon
        return replace(self, gathered=self.gathered * (1 + step), kl=kl)


def start_control(config: PpoConfig) -> KlControl:
    """A control whose first iteration has the coefficient of the settings."""
    return KlControl(config.kl_coefficient / math.exp(LEAST_EXPONENT))
