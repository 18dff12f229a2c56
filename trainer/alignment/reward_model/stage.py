"""Stage `reward`: trains a model that scores texts.

    metrics.jsonl    one line an optimizer step; tensorboard/ has the same as curves
    model/           weights and configuration, as transformers saves them, tokenizer.json, and
                     reward.json: what it learned from and how much it reads
    report.json      figures for the card; held-out accuracy, calibration, accuracy by length

A sequence regression on the policy's trunk. Learns from pairs by trl's RewardTrainer, or from
labelled text, as a regression on numbers or a classification of 0 and 1.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lsp_server.contract.prompt import load_tokenizer
from lsp_server.contract.records import write_record
from trainer.alignment.config import RewardConfig
from trainer.alignment.preferences.pairs import Label, Preference, read_labels, read_pairs
from trainer.alignment.reward_model.figures import (
    describe_classes,
    describe_numbers,
    describe_pairs,
)
from trainer.alignment.reward_model.rows import FACTS, PairRows, RewardLayout, cut_share
from trainer.errors import RewardError
from trainer.runtime.checks import require
from trainer.runtime.cpu import prepare_process
from trainer.runtime.processes import open_accelerator, process_rank
from trainer.runtime.run_folder import Inputs

Rows = TypeVar("Rows", bound=Sequence[Any])


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned: rows to train on, and how held-out ones are measured."""

    trainer: Any
    evaluate: Callable[[Any], dict[str, Any]]
    """Takes the model, gives the report's figures; `loss` and `accuracy` are among them."""
    rows: int
    heldout_rows: int
    cut: float
    """Share of the rows to train on that lost some of their text."""


def run(config: RewardConfig, inputs: Inputs, out: Path) -> None:
    """Train to the last step, from the newest checkpoint in `out` where there is one.

    Raises RewardError where the preferences have nothing of the kind that the objective learns
    from, RecipeError where the context is longer than the model's, StageError after an orderly
    stop.
    """
    prepare_process()
    from trainer.alignment.reward_model.scores import build_scorer
    from trainer.alignment.trl_loop import check_settings, train
    from trainer.model.networks import newest_weights

    open_accelerator()
    begun_with = newest_weights(inputs)
    model = build_scorer(begun_with, config.loop.seed)
    longest = model.config.max_position_embeddings
    require(config.context <= longest, "reward.context", f"at most {longest}", config.context)
    check_settings("reward", config, out)
    layout = RewardLayout(load_tokenizer(begun_with / "tokenizer.json"), config.context)
    learn = learn_pairs if config.objective == "pairs" else learn_labels
    task = learn(config, model, layout, inputs["preferences"], out)
    seconds = train("reward", task.trainer, config.loop, out, lambda m: task.evaluate(m)["loss"])
    report = task.evaluate(model)
    if process_rank() == 0:
        model.save_pretrained(out / "model")
        shutil.copyfile(begun_with / "tokenizer.json", out / "model" / "tokenizer.json")
        facts = {"objective": config.objective, "context": config.context}
        write_record(out / "model" / FACTS, facts)
        write_record(
            out / "report.json", {"figures": card(config, task, report, seconds), **report}
        )


def card(
    config: RewardConfig, task: Task, report: dict[str, Any], seconds: float
) -> dict[str, Any]:
    """The figures that manifest and card have."""
    accuracy = report["accuracy"]
    named = {
        "objective": config.objective,
        "steps": config.loop.steps,
        "rows": task.rows,
        "held-out rows": task.heldout_rows,
        "share of rows cut": task.cut,
        "seconds": round(seconds, 1),
        "held-out accuracy": accuracy["value"],
        "held-out accuracy from": accuracy["low"],
        "held-out accuracy to": accuracy["high"],
        "calibration error": report.get("calibration_error"),
    }
    by_source = report.get("accuracy_by_source", {})
    return named | {f"held-out accuracy, {name}": row["value"] for name, row in by_source.items()}


def learn_pairs(
    config: RewardConfig, model: Any, layout: RewardLayout, preferences: Path, out: Path
) -> Task:
    """Pairs, by trl's RewardTrainer."""
    from trainer.alignment.reward_model.scores import score_rows
    from trainer.alignment.reward_model.trainers import pair_trainer

    train, heldout = (
        some(config, read_pairs(preferences, heldout=held), preferences) for held in (False, True)
    )
    rows, heldout_rows = both_sides(layout, train), both_sides(layout, heldout)

    def evaluate(model: Any) -> dict[str, Any]:
        chosen, rejected = (
            score_rows(model, [row.ids for row in side], config.loop.micro_batch)
            for side in (heldout_rows.chosen, heldout_rows.rejected)
        )
        margins = [good - bad for good, bad in zip(chosen, rejected, strict=True)]
        return describe_pairs(heldout, margins)

    learned = rows, [pair.margin for pair in train]
    trainer = pair_trainer(config, model, layout.tokenizer, learned, out)
    return Task(trainer, evaluate, len(train), len(heldout), cut_share(rows.chosen + rows.rejected))


def both_sides(layout: RewardLayout, pairs: Sequence[Preference]) -> PairRows:
    """Rows of the chosen texts and of the rejected ones."""
    return PairRows(
        [layout.completion(pair.prompt, pair.chosen) for pair in pairs],
        [layout.completion(pair.prompt, pair.rejected) for pair in pairs],
    )


def learn_labels(
    config: RewardConfig, model: Any, layout: RewardLayout, preferences: Path, out: Path
) -> Task:
    """Labelled texts, by transformers' Trainer."""
    from trainer.alignment.reward_model.scores import score_rows
    from trainer.alignment.reward_model.trainers import label_trainer

    train, heldout = (
        some(config, read_labels(preferences, heldout=held), preferences) for held in (False, True)
    )
    check_labels(config, train, heldout)
    rows = [layout.text(label.text) for label in train]
    heldout_rows = [layout.text(label.text) for label in heldout]
    describe = describe_classes if config.objective == "classification" else describe_numbers

    def evaluate(model: Any) -> dict[str, Any]:
        ids = [row.ids for row in heldout_rows]
        return describe(heldout, score_rows(model, ids, config.loop.micro_batch))

    values = [label.label for label in train]
    trainer = label_trainer(config, model, rows, values, out)
    return Task(trainer, evaluate, len(train), len(heldout), cut_share(rows))


def some(config: RewardConfig, rows: Rows, preferences: Path) -> Rows:
    """The rows; RewardError where there are none."""
    if not rows:
        kind = "pairs" if config.objective == "pairs" else "labelled texts"
        raise RewardError(
            f"reward: expected {kind} to train on and to measure on in {preferences}, found none; "
            f"add a source of {kind} to preferences.sources, or change reward.objective"
        )
    return rows


def check_labels(config: RewardConfig, train: Sequence[Label], heldout: Sequence[Label]) -> None:
    """Raise RewardError for labels that the objective cannot learn, or be measured on."""
    for name, labels in (("train on", train), ("measure on", heldout)):
        values = sorted({label.label for label in labels})
        if len(values) < 2:
            raise RewardError(
                f"reward: expected labels of two values or more to {name}, found {values[0]:g} for "
                f"all {len(labels)} texts; give more texts"
            )
        if config.objective == "classification" and values != [0, 1]:
            raise RewardError(
                f"reward: expected the labels 0 and 1, found {values[0]:g} to {values[-1]:g}; set "
                "reward.objective to regression"
            )
