"""One-click training, `pretrain.loop: transformers`: its Trainer on the same packed blocks.

Network, blocks and their order, loss, AdamW and schedule are those of the own loop, so that both
learn alike; steps, accumulation, clipping and checkpoints are the Trainer's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

from trainer.corpus.blocks.block_file import Rows
from trainer.model.objective import FILE, IGNORED, PAD, Objective, attention_mask, position_ids
from trainer.pretraining.batches import Batches, accumulation
from trainer.pretraining.config import PretrainConfig
from trainer.pretraining.loop import TrainingData, heldout_bits
from trainer.pretraining.optimizer import build_optimizers
from trainer.pretraining.schedule import rate_factor
from trainer.pretraining.watched_trainer import (
    LoggedStep,
    TrainerRun,
    check_made_with,
    newest_for_all,
    run_trainer,
    seconds_so_far,
    settings_of_all,
    step_of,
)
from trainer.runtime.metrics import StepMetrics
from trainer.runtime.processes import process_count

MAY_CHANGE = ("micro_batch", "eval_every", "eval_blocks", "checkpoint_every", "keep_checkpoints")
"""Settings that do not change what is learned; the Trainer takes all else from its checkpoint."""


class PackedBlocks(Dataset[Rows]):
    """The blocks of a number of steps, in the order in which they are dealt out."""

    def __init__(self, batches: Batches, steps: int) -> None:
        self._batches, self._steps = batches, steps

    def __len__(self) -> int:
        return self._batches.rows_before(self._steps)

    def __getitem__(self, number: int) -> Rows:
        return self._batches.row(number)


class OneClickLoop:
    """One run of the Trainer in this process; what the stage sees is that of a TrainingLoop."""

    def __init__(self, config: PretrainConfig, data: TrainingData, model: Any, out: Path) -> None:
        self.config, self.data, self.model, self.out = config, data, model, out
        check_made_with("pretrain", config, out, [f"pretrain.{name}" for name in MAY_CHANGE])
        (optimizer,) = build_optimizers(model, config)
        self._use_cache = model.config.use_cache  # the Trainer turns it off, for good
        self.trainer = Trainer(
            model=model,
            args=arguments(config, data.batches.block_tokens, out),
            data_collator=collate,
            train_dataset=PackedBlocks(data.batches, config.steps),
            optimizers=(optimizer, LambdaLR(optimizer, self.rate_factor)),
        )
        self.accelerator = self.trainer.accelerator
        self.objective = Objective(model)
        self.step = step_of(newest_for_all(self.accelerator, out))
        self.elapsed = seconds_so_far(out)

    def rate_factor(self, step: int) -> float:
        """Factor on the peak rate at optimizer step `step`, from 0."""
        config = self.config
        progress = step / max(1, config.steps)
        return rate_factor(config.schedule, step, progress, config.warmup_steps, config.decay_share)

    def train(self) -> float:
        """Run to the last step; gives bits per byte on the held-out blocks.

        Raises StageError after a stop by signal; the checkpoint is written before.
        """
        if self.config.steps:
            run = TrainerRun("pretrain", self.config.steps, self.out, self.measure)
            self.elapsed = run_trainer(run, self.trainer)
            self.step = self.trainer.state.global_step
            self.model.config.use_cache = self._use_cache
        return self.evaluate()

    def measure(self, logged: LoggedStep) -> StepMetrics:
        """The step's line, evaluated where it is due."""
        tokens, logs = self.data.batches.tokens_before(logged.step), logged.logs
        due = logged.step % self.config.eval_every == 0
        return StepMetrics(
            step=logged.step,
            tokens=tokens,
            loss=round(float(logs["loss"]), 6),
            lr=round(logs["learning_rate"] / self.config.learning_rate, 6),
            grad_norm=round(float(logs["grad_norm"]), 6),
            tokens_per_second=round(tokens / logged.step / logged.taken, 1),
            seconds=round(logged.seconds, 2),
            bits_per_byte=self.evaluate() if due else None,
        )

    def evaluate(self) -> float:
        """Bits per byte on the held-out blocks."""
        return heldout_bits(self.objective, self.data.heldout, self.config, self.accelerator)


def arguments(config: PretrainConfig, block_tokens: int, out: Path) -> TrainingArguments:
    """The Trainer's arguments; RecipeError where a batch is not whole micro-batches."""
    return TrainingArguments(
        **settings_of_all(out),
        max_steps=config.steps,
        per_device_train_batch_size=config.micro_batch,
        gradient_accumulation_steps=accumulation(config, block_tokens, process_count()),
        learning_rate=config.learning_rate,
        max_grad_norm=config.clip_norm,
        bf16=config.precision == "bf16",
        torch_compile=config.compile,
        remove_unused_columns=False,
        save_steps=config.checkpoint_every,
        save_total_limit=config.keep_checkpoints,
        seed=config.seed,
    )


def collate(rows: Sequence[Rows]) -> dict[str, Any]:
    """A micro-batch of blocks as the model takes it: each segment by itself, and what has a loss.

    The model shifts the labels, and its loss is the mean over all of the step.
    """
    ids_BT = torch.from_numpy(np.stack(rows).astype(np.int64))
    return {
        "input_ids": ids_BT,
        "attention_mask": attention_mask(ids_BT),
        "position_ids": position_ids(ids_BT),
        "labels": ids_BT.masked_fill((ids_BT == PAD) | (ids_BT == FILE), IGNORED),
    }
