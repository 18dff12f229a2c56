"""Evaluates a policy on held-out prompts, and says whether tuning did harm.

Completions are greedy, at the same prompts each time, so that two evaluations are paired. Before
and after tuning it also samples some at every prompt, at the temperature of the rollouts: what PPO
makes better is what the policy writes of itself, and the likeliest completion is one sample of
that.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import pstdev
from typing import Any

import torch
from tokenizers import Tokenizer

from lsp_server.contract.records import write_record, write_whole
from lsp_server.contract.stopping import StopRule
from lsp_server.engines import StopReason
from trainer.alignment.ppo.prompts import RolloutPrompt, in_place, repeat
from trainer.alignment.ppo.reward_hacking import (
    Lines,
    find_harm,
    judge,
    measure_changes,
    measure_probes,
)
from trainer.alignment.ppo.rollouts import Sampling, write_rollouts
from trainer.alignment.rewards.protocol import Completion, Scores
from trainer.model.heldout import HeldOut, bits_per_byte, sum_nats
from trainer.model.objective import Objective
from trainer.tasks.intervals import Figure, ratio_figure

SAMPLED = "sampled/"
"""Before the names of figures of sampled completions."""

BATCH = 64
"""Prompts that are completed side by side."""

SHOWN_BEFORE, SHOWN_AFTER = 400, 200
"""Characters around a cursor that the samples show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutTask:
    """What is completed and measured."""

    tokenizer: Tokenizer
    prompts: Sequence[RolloutPrompt]
    stop: Callable[[RolloutPrompt], StopRule]
    max_tokens: int
    scorer: Callable[[Sequence[Completion]], Scores]
    blocks: HeldOut
    """For bits per byte."""
    lines: Lines
    """What tuning may cost."""
    samples: Sampling
    """How completions are sampled besides; its randomness is not used."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What weights wrote at the held-out prompts, and figures by name."""

    completions: tuple[Completion, ...]
    scores: Scores
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Weights beside those that tuning began with."""

    figures: dict[str, float]
    changes: dict[str, Figure]
    """Of the reward, and of the figures that completions have one by one."""
    deviation: float
    """Standard deviation of the completions' rewards before."""
    warnings: tuple[str, ...]
    """Bad signs that became more common, and a length that drifted."""


class HeldOutEvaluator:
    """Compares weights with those that tuning began with."""

    def __init__(self, task: HeldOutTask, record: Path, model: Any) -> None:
        """Measures `model` and keeps that in file `record`, or reads what stands there already."""
        self._task = task
        if not record.exists():
            first, sampled = evaluate(task, model), complete_by_chance(task, model)
            written = {
                "figures": first.figures | figures_of_samples(sampled),
                "completions": [(each.text, each.stop) for each in first.completions],
                "samples": [(each.text, each.stop) for each in sampled],
            }
            write_record(record, written)
        self._record = json.loads(record.read_text())
        self.before: Mapping[str, float] = self._record["figures"]

    def measure(self, model: Any) -> Mapping[str, float]:
        """Figures of weights, by name; `reward` is among them."""
        return evaluate(self._task, model).figures

    def harm(self, figures: Mapping[str, float]) -> str:
        """Which line was crossed since before tuning, as a sentence; "" for none."""
        return find_harm(self.before, figures, len(self._task.prompts), self._task.lines)

    def compare(self, model: Any, samples: Path) -> Comparison:
        """Write what weights complete beside what was completed before; gives what is new."""
        after, first = evaluate(self._task, model), self._written_before("completions")
        before = self._task.scorer(first)
        rows = [
            {
                "path": new.path,
                "prefix_tail": new.prefix[-SHOWN_BEFORE:],
                "suffix_head": new.suffix[:SHOWN_AFTER],
                "truth": new.truth,
                "before": old.text,
                "after": new.text,
                "reward_before": before.totals[row],
                "reward_after": after.scores.totals[row],
            }
            for row, (old, new) in enumerate(zip(first, after.completions, strict=True))
        ]
        write_whole(samples, "".join(json.dumps(row) + "\n" for row in rows))
        known = [total for total in before.totals if total is not None]
        repositories = [prompt.repo for prompt in self._task.prompts]
        changes = measure_changes(first, after.completions, repositories)
        sampled = complete_by_chance(self._task, model)
        return Comparison(
            figures=after.figures | figures_of_samples(sampled),
            changes=changes
            | change_of_reward(before, after.scores, repositories)
            | self._changes_of_samples(sampled),
            deviation=pstdev(known) if known else 0.0,
            warnings=judge(self.before, after.figures).warnings,
        )

    def _written_before(self, kind: str) -> list[Completion]:
        """The `completions` or `samples` of the weights that tuning began with."""
        texts = [text for text, _ in self._record[kind]]
        stops = [StopReason(stop) for _, stop in self._record[kind]]
        return in_place(self._task.prompts, texts, stops)

    def _changes_of_samples(self, after: Sequence[Completion]) -> dict[str, Figure]:
        """What the figures of sampled completions have changed by; none without samples."""
        if not after:
            return {}
        prompts = repeat(self._task.prompts, self._task.samples.copies)
        repositories = [prompt.repo for prompt in prompts]
        changes = measure_changes(self._written_before("samples"), after, repositories)
        return {SAMPLED + name: change for name, change in changes.items()}


def change_of_reward(before: Scores, after: Scores, groups: Sequence[str]) -> dict[str, Figure]:
    """`reward`: by how much it rose, over the completions that have one before and after."""
    known = [
        (new - old, group)
        for old, new, group in zip(before.totals, after.totals, groups, strict=True)
        if old is not None and new is not None
    ]
    if not known:
        return {}
    rises, their_groups = zip(*known, strict=True)
    return {"reward": ratio_figure(rises, [1.0] * len(rises), their_groups, 0)}


def evaluate(task: HeldOutTask, model: Any) -> Evaluation:
    """Complete every prompt greedily, score that, and measure bits per byte."""
    completions, tokens = complete(task, model, Sampling(task.max_tokens))
    scores = task.scorer(completions)
    figures = {
        "reward": scores.mean,
        "tokens": tokens / len(completions),
        "bits_per_byte": measure_bits(task.blocks, model),
        **measure_probes(completions),
        **{f"part/{name}": mean for name, mean in scores.parts.items()},
    }
    return Evaluation(tuple(completions), scores, figures)


def complete(task: HeldOutTask, model: Any, sampling: Sampling) -> tuple[list[Completion], int]:
    """Completions of every prompt, those of a prompt next to each other, and their tokens."""
    completions: list[Completion] = []
    tokens = 0
    for first in range(0, len(task.prompts), BATCH):
        prompts = task.prompts[first : first + BATCH]
        ids = [prompt.ids for prompt in prompts]
        stops = [task.stop(prompt) for prompt in prompts]
        rollouts = write_rollouts(model, task.tokenizer, ids, stops, sampling)
        tokens += int(rollouts.written.mask_BT.sum())
        completions += in_place(prompts, rollouts.texts, rollouts.stops)
    return completions, tokens


def complete_by_chance(task: HeldOutTask, model: Any) -> list[Completion]:
    """Sampled completions of every prompt, drawn from the same numbers each time."""
    if not task.samples.copies:
        return []
    randomness = torch.Generator(model.device).manual_seed(0)
    return complete(task, model, replace(task.samples, randomness=randomness))[0]


def figures_of_samples(completions: Sequence[Completion]) -> dict[str, float]:
    """What `measure_probes` says of them, under names of their own; nothing without any."""
    found = measure_probes(completions) if completions else {}
    return {SAMPLED + name: value for name, value in found.items()}


def measure_bits(blocks: HeldOut, model: Any) -> float:
    """Bits per byte of held-out source."""
    nats = sum_nats(Objective(model), blocks.rows, 1, nullcontext)
    return bits_per_byte(nats, int(blocks.text_bytes.sum()))
