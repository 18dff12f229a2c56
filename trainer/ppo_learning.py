"""PPO's optimizer steps: takes what a round has gathered, gives the policy changed by it."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from trainer.batches import block_weights
from trainer.blocks import Rows
from trainer.objective import Objective
from trainer.policy import Policy
from trainer.ppo_math import whiten
from trainer.ppo_round import Experience, losses_of
from trainer.tuning_config import PpoConfig


@dataclass(frozen=True, slots=True)
class LearningFigures:
    """Means over the optimizer steps of a round."""

    policy_loss: float
    value_loss: float
    truth_loss: float
    """Nats of surprise at a token that a person wrote."""
    pretraining_loss: float
    """Nats of surprise at a token of the packed corpus; 0 where none is read."""
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


class Learner:
    """Policy and optimizer in this process, one of `accelerator.num_processes`."""

    def __init__(
        self, config: PpoConfig, policy: Policy, accelerator: Any, corpus: Corpus | None
    ) -> None:
        self.config, self.policy, self.accelerator = config, policy, accelerator
        self.corpus = corpus
        groups = [
            {"params": policy.model.parameters(), "lr": config.learning_rate},
            {"params": policy.value.parameters(), "lr": config.value_learning_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0)
        self.parallel = accelerator.prepare_model(policy)

    def learn(self, batch: Experience, round_number: int) -> LearningFigures:
        """All optimizer steps of a round."""
        config = self.config
        seed = (config.seed + 1) * 1_000_003 + round_number
        shuffle = torch.Generator().manual_seed(seed)
        whitened = self.whitened(batch) if config.whiten else batch
        prompts = len(batch.written.prompts.ids_GP)
        sums: Counter[str] = Counter()  # of floats, which a Counter adds as well
        number = round_number * config.epochs * config.minibatches
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

        `number`: of optimizer steps before this one, in all rounds.
        """
        world = self.accelerator.num_processes
        counts = torch.stack([part.scored_BT.sum(), part.truth_BT.sum()])
        scored, truth = (int(n) for n in self.accelerator.reduce(counts, reduction="sum"))
        micro_batches = list(part.split(self.config.micro_batch))
        sums: Counter[str] = Counter({"pretraining_loss": self.recall(number)})
        for place, micro in enumerate(micro_batches, start=1):
            last = place == len(micro_batches)
            with nullcontext() if last else self.accelerator.no_sync(self.parallel):
                losses = losses_of(self.config, self.parallel, micro, (scored, truth))
                # Parallel processes average their gradients; those of a sum are wanted.
                torch.autograd.backward(losses.total * world)
            sums.update({name: float(f) * world for name, f in losses.figures.items()})
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return {**sums, "grad_norm": float(norm), "steps": 1}

    def recall(self, number: int) -> float:
        """Add the gradient of pretraining's loss on this process's blocks of a step; gives it."""
        accelerator, coefficient = self.accelerator, self.config.pretraining_coefficient
        if self.corpus is None or coefficient == 0:
            return 0.0
        world = accelerator.num_processes
        rows = self.corpus.at(number)
        weights = block_weights(rows, [], 0.0)
        mine = slice(accelerator.process_index, None, world)
        loss = torch.zeros(())
        if len(rows[mine]):
            ids_BT = torch.from_numpy(rows[mine].astype(np.int64)).to(accelerator.device)
            weights_B = torch.from_numpy(weights[mine]).to(accelerator.device) * world
            with accelerator.no_sync(self.parallel):
                loss = Objective(self.policy.model)(ids_BT, weights_B)
                torch.autograd.backward(coefficient * loss)
        return float(loss.detach())
