"""Turns scored rollouts into advantages, and computes PPO's losses from them.

Shapes: G prompts, B texts of this process, T tokens of a text at most.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trainer.alignment.config import PpoConfig
from trainer.alignment.ppo import formulas as ppo_math
from trainer.alignment.ppo.policy import Judged, Policy, judge
from trainer.alignment.ppo.rollouts import Continuations, Rollouts
from trainer.alignment.ppo.tree_reader import Ids

GAMMA, GAE_LAMBDA = 1.0, 0.95
"""A reward counts as much at the first token as at the last; lambda of the advantage estimates."""

VALUE_CLIP, VALUE_COEFFICIENT = 0.2, 0.1
"""How far values may move in an iteration, and the weight of their loss beside the policy's."""


@dataclass(frozen=True, slots=True)
class Experience:
    """What an iteration learns from, fixed before its first step."""

    written: Continuations
    scored_BT: Tensor
    """Tokens of rollouts that have a score: these are learned from by reward."""
    truth_BT: Tensor
    """Tokens that a person wrote: these are learned from by likelihood."""
    then: Judged
    """What the policy said that wrote the rollouts."""
    advantages_BT: Tensor
    returns_BT: Tensor

    def of_prompts(self, chosen: Tensor) -> "Experience":
        """The part that belongs to some of the prompts."""
        rows = self.written.rows_of(chosen)
        then = self.then
        return Experience(
            written=self.written.of_prompts(chosen),
            scored_BT=self.scored_BT[rows],
            truth_BT=self.truth_BT[rows],
            then=Judged(then.logprobs_BT[rows], then.entropy_BT[rows], then.values_BT[rows]),
            advantages_BT=self.advantages_BT[rows],
            returns_BT=self.returns_BT[rows],
        )

    def split(self, micro_batch: int) -> Iterator["Experience"]:
        """All of it in parts of at most `micro_batch` texts, whole prompts at a time."""
        return map(self.of_prompts, self.written.split(micro_batch))


@dataclass(frozen=True, slots=True)
class Drift:
    """How the policy that wrote an iteration's rollouts differs from its reference."""

    kl: Tensor
    """Nats in a whole completion, by k3; scalar."""
    entropy: Tensor
    """Nats at a token; scalar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindsight:
    """What looking back on an iteration takes."""

    policy: Policy
    reference: Policy
    coefficient: float
    """Price of a nat of log ratio."""
    truths: Sequence[Ids]
    """What a person wrote after each prompt; none to learn by reward alone."""


def look_back(
    config: PpoConfig, rollouts: Rollouts, earned_B: Tensor, hindsight: Hindsight
) -> tuple[Experience, Drift]:
    """What an iteration's rollouts teach; one without a score teaches nothing.

    `earned_B`: their scores, NaN for none.
    Advantages are not whitened yet: that takes those of all processes.
    """
    written, own_B = with_truths(rollouts.written, hindsight.truths)
    then = judge(hindsight.policy, written, config.micro_batch)
    reference_BT = judge(hindsight.reference, written, config.micro_batch).logprobs_BT
    own_BT = written.mask_BT & own_B[:, None]
    given_B = torch.full(own_B.shape, torch.nan, device=own_B.device)
    if config.baseline == "leave_one_out":
        earned_B = ppo_math.leave_one_out(earned_B, rollouts.written.copies)
    given_B[own_B] = earned_B.to(given_B)
    scored_BT = own_BT & ~given_B.isnan()[:, None]
    ratio_BT = ppo_math.log_ratio(then.logprobs_BT, reference_BT, scored_BT)
    scores_BT = ppo_math.at_last_token(given_B.nan_to_num(), scored_BT)
    rewards_BT = ppo_math.token_rewards(scores_BT, ratio_BT, hindsight.coefficient, scored_BT)
    advantages_BT = ppo_math.gae(rewards_BT, then.values_BT, scored_BT, GAMMA, GAE_LAMBDA)
    kl_BT = ppo_math.kl_estimate(then.logprobs_BT, reference_BT, own_BT)
    experience = Experience(
        written=written,
        scored_BT=scored_BT,
        truth_BT=written.mask_BT & ~own_B[:, None],
        then=then,
        advantages_BT=advantages_BT,
        returns_BT=advantages_BT + then.values_BT,
    )
    drift = Drift(
        kl_BT.sum() / own_B.sum().clamp(min=1), ppo_math.masked_mean(then.entropy_BT, own_BT)
    )
    return experience, drift


def most_telling(earned_B: Tensor, copies: int, kept: int) -> Tensor:
    """Numbers, ascending, of the `kept` prompts whose rollouts' scores differ the most.

    Where all of them are worth the same there is nothing to learn (DAPO's dynamic sampling, Yu et
    al. 2025). `earned_B`: scores of `copies` rollouts for each prompt, NaN for none.
    """
    off_GC = ppo_math.leave_one_out(earned_B, copies).nan_to_num().view(-1, copies)
    order = off_GC.square().sum(1).argsort(descending=True, stable=True)
    return order[:kept].sort().values


def with_truths(written: Continuations, truths: Sequence[Ids]) -> tuple[Continuations, Tensor]:
    """The rollouts and the truths, if there are any, and `[B]`, true for rollouts."""
    copies = written.copies
    both = written.with_last(truths) if truths else written
    ranks_B = torch.arange(len(both.ids_BT), device=both.ids_BT.device) % both.copies
    return both, ranks_B < copies


@dataclass(frozen=True, slots=True)
class Losses:
    """Of one micro-batch."""

    total: Tensor
    """What is minimized, with its gradient."""
    figures: dict[str, Tensor]
    """Its parts, without one; those of all micro-batches of a step add up to the step's."""


def losses_of(config: PpoConfig, policy: Any, part: Experience, whole: tuple[int, int]) -> Losses:
    """A micro-batch's share of the losses of a step.

    `whole`: tokens that are learned from by reward and by likelihood in the whole step.
    """
    now = Judged(*policy(part.written))
    scored_BT, then = part.scored_BT, part.then
    actor = ppo_math.policy_loss(
        now.logprobs_BT, then.logprobs_BT, part.advantages_BT, scored_BT, config.clip
    )
    critic = ppo_math.value_loss(
        now.values_BT, then.values_BT, part.returns_BT, scored_BT, VALUE_CLIP
    )
    surprise = -ppo_math.masked_mean(now.logprobs_BT, part.truth_BT)
    of_scored = scored_BT.sum() / max(whole[0], 1)
    of_truth = part.truth_BT.sum() / max(whole[1], 1)
    by_reward = actor.loss + VALUE_COEFFICIENT * critic.loss
    total = by_reward * of_scored + config.sft_coefficient * surprise * of_truth
    figures = {
        "policy_loss": actor.loss * of_scored,
        "value_loss": critic.loss * of_scored,
        "sft_loss": surprise * of_truth,
        "clipped": actor.clipped * of_scored,
        "value_clipped": critic.clipped * of_scored,
    }
    return Losses(total, {name: figure.detach() for name, figure in figures.items()})


def explained_variance(batch: Experience) -> float:
    """Share of the returns' variance that the values foresaw; 0 where there is none to foresee."""
    returns = batch.returns_BT[batch.scored_BT]
    if len(returns) < 2 or float(returns.var()) == 0:
        return 0.0
    return 1 - float((returns - batch.then.values_BT[batch.scored_BT]).var() / returns.var())
