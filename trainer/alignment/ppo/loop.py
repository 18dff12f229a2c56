"""The PPO loop: write rollouts, score them, learn, evaluate, save.

Everything random is a function of seed, iteration and process. A checkpoint holds policy, value
head, optimizer, iteration and KL control, and a resumed run repeats the same bits on a processor.

    best/    weights of the evaluation with the highest held-out reward among those without harm
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from math import nan
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from torch import Tensor

from trainer.alignment.config import PpoConfig
from trainer.alignment.ppo.experience import Hindsight, explained_variance, look_back, most_telling
from trainer.alignment.ppo.formulas import KlControl, start_control
from trainer.alignment.ppo.learner import CorpusKl, Learner
from trainer.alignment.ppo.parts import PpoParts
from trainer.alignment.ppo.prompts import RolloutPrompt, deal, in_place
from trainer.alignment.ppo.rollouts import Continuations, Rollouts, Sampling, write_rollouts
from trainer.alignment.rewards.protocol import Scores
from trainer.errors import RewardError, StageError
from trainer.runtime.checkpoint import (
    TrainingState,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from trainer.runtime.interrupt import StopRequest
from trainer.runtime.metrics import IterationMetrics, MetricsLog
from trainer.runtime.progress import progress_bar

FISHER_ITERATIONS = 8
"""Iterations of rollouts on which `natural_gradient` measures, besides the corpus."""

HARM_UNTOLD = "held-out figures showed harm; the checkpoint does not say which"


class PpoLoop:
    """One run in this process, one of `accelerator.num_processes` that walk in step."""

    def __init__(self, config: PpoConfig, parts: PpoParts, accelerator: Any, out: Path) -> None:
        self.config, self.parts = config, parts
        self.accelerator, self.out = accelerator, out
        self.iteration = 0
        self.elapsed = 0.0
        self.control = start_control(config)
        self.best = float("-inf")
        self.harmed = 0
        """Evaluations that showed harm, up to the last, in a row."""
        self.harm = ""
        """What the last of them said, as a sentence."""
        parts.policy.to(accelerator.device)
        parts.reference.to(accelerator.device)
        corpus_kl = CorpusKl(parts.reference, parts.corpus)
        # Before weights are taken up: steps are measured at those that tuning begins with.
        self.learner = Learner(config, parts.policy, accelerator, corpus_kl, self.first_texts())
        self.resume()

    def resume(self) -> None:
        """Take up the newest checkpoint of the run's folder, if there is one.

        Raises StageError where it was made from other data or with settings that do not fit.
        """
        path = newest_checkpoint(self.out / "checkpoints")
        if path is None:
            return
        state, wanted = load_checkpoint(path), self.parts.fingerprint
        if state.fingerprint != wanted:
            raise StageError(
                f"{path} was made with {state.fingerprint}, this run has {wanted}; delete "
                f"{self.out} to start over, or restore the settings"
            )
        self.parts.policy.load_state_dict(state.model)
        for optimizer, kept in zip(self.learner.optimizers, state.optimizers, strict=True):
            optimizer.load_state_dict(kept)
        self.iteration, self.elapsed = state.step, state.elapsed
        facts = {"harmed": 0, "harm": HARM_UNTOLD, **state.facts}  # older versions kept neither
        self.control = KlControl(facts["gathered"], facts["kl"])
        self.best, self.harmed, self.harm = facts["best"], int(facts["harmed"]), facts["harm"]

    def train(self) -> str:
        """Run all iterations; gives the sentence that says why it ended before, or "".

        Raises StageError after a stop by signal; the checkpoint is written before.
        """
        main = self.accelerator.is_main_process
        metrics_log = MetricsLog(self.out, self.iteration) if main else nullcontext()
        if self.iteration == 0:
            self.best = self.parts.evaluator.before["reward"]
            if main:
                self.keep_best()
        with metrics_log as log, StopRequest() as stop, progress_bar("ppo", shown=main) as bar:
            task = bar.add_task("ppo", total=self.config.iterations, note="")
            while self.iteration < self.config.iterations and not self.ended:
                metrics = self.take_iteration()
                if (
                    self.iteration % self.config.eval_every == 0
                    or self.iteration == self.config.iterations
                ):
                    metrics = replace(metrics, heldout=self.evaluate())
                if log:
                    log.write(metrics)
                bar.update(task, completed=self.iteration, note=describe(metrics))
                if self.iteration % self.config.checkpoint_every == 0 or self.ended:
                    self.save()
                if self.share(float(stop.asked)):
                    self.stop()
        self.save()
        return self.ended

    @property
    def ended(self) -> str:
        """Why the run ends before its last iteration, as a sentence; "" where it does not.

        Also a run that is taken up has ended, unless it is to be more patient than it was.
        """
        return self.harm if self.harmed >= self.config.patience else ""

    @property
    def rollouts(self) -> int:
        """Written in all iterations so far, by all processes."""
        return self.iteration * self.config.rollouts * self.config.candidates

    def take_iteration(self) -> IterationMetrics:
        """Write rollouts, score them, and learn from them in a few optimizer steps."""
        config, started = self.config, time.monotonic()
        coefficient = self.control.coefficient(config)
        prompts, kept = self.my_prompts()
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        drawn = self.explore(prompts, (config.seed * 1_000_003 + self.iteration) * world + rank)
        scores = self.score(prompts, drawn)
        earned_B = torch.tensor([nan if total is None else total for total in scores.totals])
        chosen = most_telling(earned_B, config.rollouts_per_prompt, kept)
        rollouts = drawn.of_prompts(chosen.to(self.accelerator.device))
        told = chosen.tolist() if config.sft_coefficient else []
        hindsight = Hindsight(
            policy=self.parts.policy,
            reference=self.parts.reference,
            coefficient=coefficient,
            truths=[prompts[number].truth_ids for number in told],
        )
        earned_B = earned_B[drawn.written.rows_of(chosen)]
        batch, drift = look_back(config, rollouts, earned_B, hindsight)
        kl = self.share(drift.kl)
        figures = self.learner.learn(batch, self.iteration)
        self.control = self.control.after(kl, config)
        self.iteration += 1
        self.elapsed += time.monotonic() - started
        return IterationMetrics(
            step=self.iteration,
            rollouts=self.rollouts,
            reward=self.mean_of(scores.totals) or 0.0,
            parts={
                name: mean
                for name, found in scores.values.items()
                if (mean := self.mean_of(found)) is not None
            },
            skipped=round(self.share(scores.skipped) * self.accelerator.num_processes),
            kl=kl,
            coefficient=coefficient,
            entropy=self.share(drift.entropy),
            explained_variance=self.share(explained_variance(batch)),
            tokens=self.share(drawn.written.mask_BT.sum(1).float().mean()),
            seconds=round(self.elapsed, 2),
            learning=asdict(figures),
        )

    def first_texts(self) -> Iterator[Continuations]:
        """What the policy writes before it learns, equal in all processes, for
        `natural_gradient`."""
        config = self.config
        for number in range(FISHER_ITERATIONS):
            prompts = deal(self.parts.prompts, number, config.prompts_per_iteration)
            yield self.explore(prompts, -1 - config.seed * 1_000_003 - number).written

    def my_prompts(self) -> tuple[list[RolloutPrompt], int]:
        """This process's share of the iteration's prompts, and of how many of them it learns."""
        world, rank = self.accelerator.num_processes, self.accelerator.process_index
        count = self.config.prompts_per_iteration
        every = deal(self.parts.prompts, self.iteration, count * self.config.candidates)
        return every[rank::world], len(range(rank, count, world))

    def explore(self, prompts: Sequence[RolloutPrompt], seed: int) -> Rollouts:
        """What the policy writes at each prompt."""
        config, parts = self.config, self.parts
        randomness = torch.Generator(self.accelerator.device).manual_seed(seed)
        copies = config.rollouts_per_prompt
        sampling = Sampling(config.max_tokens, config.temperature, randomness, copies)
        ids = [prompt.ids for prompt in prompts]
        stops = [parts.stop(prompt) for prompt in prompts]
        with parts.policy.autocast():
            return write_rollouts(parts.policy.model, parts.tokenizer, ids, stops, sampling)

    def score(self, prompts: Sequence[RolloutPrompt], rollouts: Rollouts) -> Scores:
        """What the rollouts are worth, seen in their files.

        Raises RewardError in every process where one cannot score its own: none waits for another.
        """
        completions = in_place(prompts, rollouts.texts, rollouts.stops)
        scores: Scores | None = None
        fault: RewardError | None = None
        try:
            scores = self.parts.scorer(completions)
        except RewardError as error:
            fault = error
        failed = self.share(float(scores is None))
        if scores is None or failed:
            raise fault or RewardError("a reward failed in another process, which says how")
        return scores

    def evaluate(self) -> dict[str, float]:
        """Figures on held-out text; notes what harm they show, if any.

        The weights are kept where they are the best so far and do none.
        """
        figures: dict[str, float] = {}
        harm = ""
        if self.accelerator.is_main_process:
            figures = dict(self.parts.evaluator.measure(self.parts.policy.model))
            harm = self.parts.evaluator.harm(figures)
            if not harm and figures["reward"] > self.best:
                self.best = figures["reward"]
                self.keep_best()
        found = [(figures, harm, self.best)]
        broadcast_object_list(found)
        figures, self.harm, self.best = found[0]
        self.harmed = self.harmed + 1 if self.harm else 0
        return figures

    def keep_best(self) -> None:
        """Put the policy's weights in place of those in `best/`."""
        partial, final = self.out / ".partial-best", self.out / "best"
        shutil.rmtree(partial, ignore_errors=True)
        self.parts.policy.model.save_pretrained(partial)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)

    def share(self, value: float | Tensor) -> float:
        """The mean of a number over all processes."""
        mine = torch.as_tensor(value, dtype=torch.float64).detach().to(self.accelerator.device)
        return float(self.accelerator.reduce(mine, reduction="mean"))

    def mean_of(self, values: Sequence[float | None]) -> float | None:
        """Mean of the values that there are in all processes; None without any.

        Each process asks for the same, whether it has a value or not.
        """
        found = [value for value in values if value is not None]
        total, count = self.share(sum(found)), self.share(len(found))
        return total / count if count else None

    def save(self) -> None:
        """Write a checkpoint, once for all processes."""
        if self.accelerator.is_main_process:
            state = TrainingState(
                step=self.iteration,
                elapsed=self.elapsed,
                fingerprint=self.parts.fingerprint,
                model=self.parts.policy.state_dict(),
                optimizers=[each.state_dict() for each in self.learner.optimizers],
                facts={
                    **asdict(self.control),
                    "best": self.best,
                    "harmed": self.harmed,
                    "harm": self.harm,
                },
            )
            save_checkpoint(self.out / "checkpoints", state, self.config.keep_checkpoints)
        self.accelerator.wait_for_everyone()

    def stop(self) -> None:
        """Write a checkpoint and raise the StageError that says how to go on."""
        self.save()
        raise StageError(
            f"ppo stopped after iteration {self.iteration} as asked; checkpoint written to "
            f"{self.out / 'checkpoints'}; give the same command again to go on from there"
        )


def describe(metrics: IterationMetrics) -> str:
    """An iteration's figures for the progress bar."""
    return f"iteration {metrics.step} reward {metrics.reward:.3f} KL {metrics.kl:.2f}"
