"""Takes PPO's optimizer steps."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from trainer.alignment.config import PpoConfig
from trainer.alignment.ppo.experience import Experience, losses_of
from trainer.alignment.ppo.formulas import forward_kl, whiten
from trainer.alignment.ppo.natural_gradient import Drawn, NaturalGradient, measure_metrics
from trainer.alignment.ppo.policy import Policy
from trainer.alignment.ppo.rollouts import Continuations
from trainer.corpus.blocks.block_file import Rows
from trainer.model.objective import IGNORED, next_tokens
from trainer.pretraining.optimizer import set_rates
from trainer.pretraining.schedule import rate_factor

PLACES = 4
"""The KL on the corpus is measured at one place in so many: logits are half of its cost."""


@dataclass(frozen=True, slots=True)
class LearningFigures:
    """Means over the optimizer steps of an iteration."""

    policy_loss: float
    value_loss: float
    sft_loss: float
    """Nats of surprise at a token that a person wrote."""
    corpus_kl: float
    """Nats of KL divergence from the reference at a token of the packed corpus."""
    clipped: float
    """Share of tokens whose probability ratio the clipping holds."""
    value_clipped: float
    grad_norm: float
    """Before clipping."""


class Corpus(Protocol):
    """Packed blocks by optimizer step, as `Batches` has them."""

    def at(self, step: int) -> Rows:
        """Blocks of a step (from 0), `[rows, block_tokens]`."""
        ...


@dataclass(frozen=True, slots=True)
class CorpusKl:
    """What the policy must not drift away from: a frozen policy, and text to ask both about."""

    reference: Policy
    corpus: Corpus

    def divergence(self, policy: Policy, ids_BT: Tensor, places_BT: Tensor) -> Tensor:
        """Sum of the KL divergences from reference to `policy` at some places."""
        with torch.no_grad():
            reference_NV = self.reference.logits_at(ids_BT, places_BT)
        return forward_kl(reference_NV, policy.logits_at(ids_BT, places_BT)).sum()


class Learner:
    """Policy and optimizer in this process, one of `accelerator.num_processes`."""

    def __init__(
        self,
        config: PpoConfig,
        policy: Policy,
        accelerator: Any,
        corpus_kl: CorpusKl,
        written: Iterable[Continuations],
    ) -> None:
        """`written`: rollouts of the policy as it is."""
        self.config, self.policy, self.accelerator = config, policy, accelerator
        self.corpus_kl = corpus_kl
        self.optimizers = self.build_optimizers(written)
        self.parallel = accelerator.prepare_model(policy)

    def build_optimizers(self, written: Iterable[Continuations]) -> list[torch.optim.Optimizer]:
        """In the order in which a checkpoint keeps their states."""
        config, policy = self.config, self.policy
        peaks = {policy.value: config.value_learning_rate}
        found: list[torch.optim.Optimizer] = []
        if config.optimizer == "natural_gradient":
            metrics = measure_metrics(policy.model, self.sample_texts(written))
            policy.model.requires_grad_(False)
            for metric in metrics:
                metric.weight.requires_grad_(True)
            found.append(NaturalGradient(metrics, config.learning_rate))
        else:
            peaks[policy.model] = config.learning_rate
        groups = [
            {"params": part.parameters(), "lr": peak, "peak": peak} for part, peak in peaks.items()
        ]
        return [*found, torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0)]

    def sample_texts(self, written: Iterable[Continuations]) -> Iterator[Drawn]:
        """What the policy says of text of its own: after the corpus's tokens, and after prompts.

        The same in every process.
        """
        config, policy = self.config, self.policy
        randomness = torch.Generator(self.accelerator.device).manual_seed(config.seed)
        for step in range(math.ceil(config.fisher_blocks / config.corpus_kl_blocks)):
            ids_RT = torch.from_numpy(self.corpus_kl.corpus.at(step).astype(np.int64))
            ids_RT = ids_RT.to(self.accelerator.device)
            logprobs_NV = policy.logits_at(ids_RT, asked_places(ids_RT, step)).log_softmax(-1)
            shares_NV = logprobs_NV.detach().exp()
            drawn_N1 = torch.multinomial(shares_NV, 1, generator=randomness)
            yield Drawn(logprobs_NV.gather(1, drawn_N1).sum(), len(drawn_N1))
        for batch in written:
            for chosen in batch.split(config.micro_batch):
                part = batch.of_prompts(chosen)
                yield Drawn(policy(part)[0].sum(), int(part.mask_BT.sum()))

    def learn(self, batch: Experience, iteration: int) -> LearningFigures:
        """All optimizer steps of an iteration."""
        config = self.config
        seed = (config.seed + 1) * 1_000_003 + iteration
        shuffle = torch.Generator().manual_seed(seed)
        whitened = self.whitened(batch) if config.whiten else batch
        prompts = len(batch.written.prompts.ids_GP)
        sums: Counter[str] = Counter()  # of floats, which a Counter adds as well
        number = iteration * config.epochs * config.minibatches
        for _ in range(config.epochs):
            order = torch.randperm(prompts, generator=shuffle).to(batch.scored_BT.device)
            for chosen in order.tensor_split(min(config.minibatches, prompts)):
                sums.update(self.step(whitened.of_prompts(chosen), number))
                number += 1
        steps = sums.pop("steps")
        means = {name: torch.tensor(value / steps) for name, value in sums.items()}
        shared = self.accelerator.reduce(
            {name: mean.to(self.accelerator.device) for name, mean in means.items()}, "mean"
        )
        return LearningFigures(**{name: float(mean) for name, mean in shared.items()})

    def whitened(self, batch: Experience) -> Experience:
        """The batch with advantages of mean 0 and variance 1 over all processes."""
        rank, rows = self.accelerator.process_index, len(batch.scored_BT)
        every = self.accelerator.gather(batch.advantages_BT)
        masks = self.accelerator.gather(batch.scored_BT)
        mine = whiten(every, masks)[rank * rows : (rank + 1) * rows]
        return replace(batch, advantages_BT=mine)

    def step(self, part: Experience, number: int) -> dict[str, float]:
        """One optimizer step on a minibatch, in micro-batches; gives its figures and `steps: 1`.

        `number`: of optimizer steps before this one, in all iterations.
        """
        world = self.accelerator.num_processes
        counts = torch.stack([part.scored_BT.sum(), part.truth_BT.sum()])
        scored, truth = (int(n) for n in self.accelerator.reduce(counts, reduction="sum"))
        micro_batches = list(part.split(self.config.micro_batch))
        sums: Counter[str] = Counter({"corpus_kl": self.add_corpus_kl(number)})
        for place, micro in enumerate(micro_batches, start=1):
            last = place == len(micro_batches)
            with nullcontext() if last else self.accelerator.no_sync(self.parallel):
                losses = losses_of(self.config, self.parallel, micro, (scored, truth))
                # Parallel processes average their gradients; those of a sum are wanted.
                torch.autograd.backward(losses.total * world)
            sums.update({name: float(f) * world for name, f in losses.figures.items()})
        set_rates(self.optimizers, self.rate_factor(number))
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return {**sums, "grad_norm": float(norm), "steps": 1}

    def rate_factor(self, number: int) -> float:
        """Factor on the peak learning rates in an optimizer step."""
        config = self.config
        steps = config.iterations * config.epochs * config.minibatches
        return rate_factor("wsd", number, number / steps, config.warmup_steps, config.decay_share)

    def add_corpus_kl(self, number: int) -> float:
        """Add the gradient of the KL loss on this process's blocks of a step; gives it.

        On the corpus the reference is what the policy should still be. Its own loss there (PPO-ptx,
        Ouyang et al. 2022) would do as well, were it not so noisy: from a few blocks its gradient
        is larger than that of the rewards while nothing has been forgotten yet.
        """
        accelerator, coefficient = self.accelerator, self.config.corpus_kl_coefficient
        if coefficient == 0:
            return 0.0
        world, rank = accelerator.num_processes, accelerator.process_index
        ids_RT = torch.from_numpy(self.corpus_kl.corpus.at(number).astype(np.int64))
        places_RT = asked_places(ids_RT, number)
        count = max(int(places_RT.sum()), 1)
        total = 0.0
        for row in range(rank, len(ids_RT), world):
            ids_1T, places_1T = (each[row : row + 1] for each in (ids_RT, places_RT))
            ids_1T, places_1T = (each.to(accelerator.device) for each in (ids_1T, places_1T))
            with accelerator.no_sync(self.parallel):
                nats = self.corpus_kl.divergence(self.policy, ids_1T, places_1T) * world / count
                torch.autograd.backward(coefficient * nats)
            total += float(nats.detach())
        return total


def asked_places(ids_RT: Tensor, number: int) -> Tensor:
    """Where a step measures the KL on the corpus: at one in PLACES tokens that have a next one."""
    turn_T = (torch.arange(ids_RT.shape[1], device=ids_RT.device) + number) % PLACES == 0
    return (next_tokens(ids_RT) != IGNORED) & turn_T
