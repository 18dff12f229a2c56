"""Held-out evaluation of a policy: takes weights, gives what its completions are worth, and harm.

Completions are greedy, at the same starts each time, so that two evaluations are paired.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import pstdev
from typing import Any

from tokenizers import Tokenizer

from lsp_server.engines import StopRule
from trainer.heldout import HeldOut, bits_per_byte, sum_nats
from trainer.intervals import Figure, ratio_figure
from trainer.objective import Objective
from trainer.pipeline import write_record, write_whole
from trainer.probes import Lines, find_harm, judge, measure_changes, measure_probes
from trainer.rewards import Completion, Scores
from trainer.rollouts import Sampling, write_rollouts
from trainer.starts import Start

BATCH = 64
"""Starts that are completed side by side."""

SHOWN_BEFORE, SHOWN_AFTER = 400, 200
"""Characters around a cursor that the samples show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutTask:
    """What is completed and measured."""

    tokenizer: Tokenizer
    starts: Sequence[Start]
    stop: Callable[[Start], StopRule]
    max_tokens: int
    scorer: Callable[[Sequence[Completion]], Scores]
    blocks: HeldOut
    """For bits per byte."""
    lines: Lines
    """What tuning may cost."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What weights wrote at the held-out starts, and figures by name."""

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
            first = evaluate(task, model)
            texts = [completion.text for completion in first.completions]
            write_record(record, {"figures": first.figures, "texts": texts})
        known = json.loads(record.read_text())
        self.before: Mapping[str, float] = known["figures"]
        self._texts: list[str] = known["texts"]

    def measure(self, model: Any) -> Mapping[str, float]:
        """Figures of weights, by name; `reward` is among them."""
        return evaluate(self._task, model).figures

    def harm(self, figures: Mapping[str, float]) -> str:
        """Which line was crossed since before tuning, as a sentence; "" for none."""
        return find_harm(self.before, figures, len(self._task.starts), self._task.lines)

    def compare(self, model: Any, samples: Path) -> Comparison:
        """Write what weights complete beside what was completed before; gives what is new."""
        after = evaluate(self._task, model)
        first = [
            start.completed(text, completion.stop)
            for start, text, completion in zip(
                self._task.starts, self._texts, after.completions, strict=True
            )
        ]
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
        repositories = [start.repo for start in self._task.starts]
        changes = measure_changes(first, after.completions, repositories)
        return Comparison(
            figures=after.figures,
            changes=changes | change_of_reward(before, after.scores, repositories),
            deviation=pstdev(known) if known else 0.0,
            warnings=judge(self.before, after.figures).warnings,
        )


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
    """Complete every start greedily, score that, and measure bits per byte."""
    completions: list[Completion] = []
    tokens = 0
    for first in range(0, len(task.starts), BATCH):
        starts = task.starts[first : first + BATCH]
        prompts = [start.ids for start in starts]
        stops = [task.stop(start) for start in starts]
        rollouts = write_rollouts(model, task.tokenizer, prompts, stops, Sampling(task.max_tokens))
        tokens += int(rollouts.written.mask_BT.sum())
        written = zip(starts, rollouts.texts, rollouts.stops, strict=True)
        completions += [start.completed(text, stop) for start, text, stop in written]
    scores = task.scorer(completions)
    figures = {
        "reward": scores.mean,
        "tokens": tokens / len(completions),
        "bits_per_byte": measure_bits(task.blocks, model),
        **measure_probes(completions),
        **{f"part/{name}": mean for name, mean in scores.parts.items()},
    }
    return Evaluation(tuple(completions), scores, figures)


def measure_bits(blocks: HeldOut, model: Any) -> float:
    """Bits per byte of held-out source."""
    nats = sum_nats(Objective(model), blocks.rows, 1, nullcontext)
    return bits_per_byte(nats, int(blocks.text_bytes.sum()))
