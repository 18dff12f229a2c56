"""What the stages that train with trl share: the order of rows, settings, a line for each step.

The order of the rows is fixed in advance, so that a resumed run sees the rows of an uninterrupted
run and ends with equal weights.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from lsp_server.contract.prompt import Sentinel
from trainer.alignment.config import LoopConfig, RewardConfig, SftConfig
from trainer.pretraining.watched_trainer import (
    LoggedStep,
    TrainerRun,
    check_made_with,
    run_trainer,
    settings_of_all,
)
from trainer.runtime.checks import require
from trainer.runtime.metrics import TuningMetrics
from trainer.runtime.processes import process_count

POOL_BATCHES = 8
"""Batches whose rows are sorted by length together, so that little of a batch is padding."""

MAY_CHANGE = ("eval_every", "checkpoint_every", "keep_checkpoints")
"""Settings that do not change what is learned."""

HeldOut = Callable[[Any], float]
"""Takes the model, gives its loss on held-out rows."""


def order_rows(lengths: Sequence[int], config: LoopConfig) -> list[int]:
    """Index of each row in the order in which `steps` batches of them are trained on.

    All rows once, then again in another order, and so on; those of a batch are about as long as
    each other, and batches come in random order.
    """
    rng = random.Random(config.seed)
    wanted, pool = config.steps * config.batch, POOL_BATCHES * config.batch
    order: list[int] = []
    while len(order) < wanted:
        epoch = list(range(len(lengths)))
        rng.shuffle(epoch)
        for start in range(0, len(epoch), pool):
            alike = sorted(epoch[start : start + pool], key=lengths.__getitem__)
            batches = [alike[at : at + config.batch] for at in range(0, len(alike), config.batch)]
            rng.shuffle(batches)
            order += [row for batch in batches for row in batch]
    return order[:wanted]


def trainer_settings(stage: str, config: LoopConfig, out: Path) -> dict[str, Any]:
    """Arguments that the trainers' configurations have in common.

    Raises RecipeError where a batch is not a whole number of micro-batches.
    """
    share = config.micro_batch * process_count()
    expected = f"a multiple of micro_batch times processes ({share})"
    require(config.batch % share == 0, f"{stage}.loop.batch", expected, config.batch)
    return {
        **settings_of_all(out),
        "max_steps": config.steps,
        "per_device_train_batch_size": config.micro_batch,
        "gradient_accumulation_steps": config.batch // share,
        "learning_rate": config.learning_rate,
        "warmup_steps": config.warmup_steps,
        "lr_scheduler_type": "cosine",
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.clip_norm,
        "bf16": config.precision == "bf16",
        "activation_checkpointing": False,
        "gradient_checkpointing": None,
        "save_steps": config.checkpoint_every,
        "save_total_limit": config.keep_checkpoints,
        "seed": config.seed,
    }


def wrap_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as trl wants it; only for its padding: rows are tokenized before."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=Sentinel.END.text, pad_token=Sentinel.PAD.text
    )


def train(stage: str, trainer: Any, config: LoopConfig, out: Path, heldout: HeldOut) -> float:
    """Train to the last step, from the newest checkpoint where there is one; gives the seconds.

    Raises StageError after an orderly stop; the checkpoint is written before.
    """

    def measure(logged: LoggedStep) -> TuningMetrics:
        """The step's line, with the loss on held-out rows where it is due."""
        logs = logged.logs
        accuracy = logs.get("mean_token_accuracy", logs.get("accuracy"))
        due = logged.step % config.eval_every == 0
        return TuningMetrics(
            step=logged.step,
            rows=logged.step * config.batch,
            loss=round(float(logs["loss"]), 6),
            lr=round(logs["learning_rate"] / config.learning_rate, 6),
            grad_norm=round(float(logs["grad_norm"]), 6),
            rows_per_second=round(config.batch / logged.taken, 2),
            seconds=round(logged.seconds, 2),
            accuracy=None if accuracy is None else round(accuracy, 5),
            heldout_loss=round(heldout(trainer.model), 5) if due else None,
        )

    return run_trainer(TrainerRun(stage, config.steps, out, measure), trainer)


def check_settings(stage: str, config: SftConfig | RewardConfig, out: Path) -> None:
    """Note what the run is made with; StageError where its checkpoints were made with other."""
    may_change = [f"{stage}.loop.{name}" for name in MAY_CHANGE]
    check_made_with(stage, config, out, may_change)
