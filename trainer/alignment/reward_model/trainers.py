"""Sets up trl's and transformers' trainers for reward models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import Trainer, TrainingArguments

from trainer.alignment.config import RewardConfig
from trainer.alignment.reward_model.rows import PairRows, RewardRow
from trainer.alignment.reward_model.scores import pad
from trainer.alignment.trl_loop import order_rows, trainer_settings, wrap_tokenizer


def pair_trainer(
    config: RewardConfig,
    model: Any,
    tokenizer: Tokenizer,
    learned: tuple[PairRows, Sequence[float]],
    out: Path,
) -> Any:
    """trl's RewardTrainer, over rows and their margins."""
    from trl import RewardConfig as TrlConfig
    from trl import RewardTrainer

    rows, margins = learned
    columns: dict[str, Any] = {
        "chosen_ids": [row.ids for row in rows.chosen],
        "rejected_ids": [row.ids for row in rows.rejected],
    }
    sides = zip(rows.chosen, rows.rejected, strict=True)
    lengths = [max(len(good.ids), len(bad.ids)) for good, bad in sides]
    if config.use_margins:
        columns["margin"] = list(margins)
    settings = TrlConfig(**trainer_settings("reward", config.loop, out), max_length=None)
    return RewardTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_dict(columns).select(order_rows(lengths, config.loop)),
        processing_class=wrap_tokenizer(tokenizer),
    )


def label_trainer(
    config: RewardConfig,
    model: Any,
    rows: Sequence[RewardRow],
    values: Sequence[float],
    out: Path,
) -> Any:
    """transformers' Trainer on labelled texts."""
    columns = {"input_ids": [row.ids for row in rows], "labels": list(values)}
    order = order_rows([len(row.ids) for row in rows], config.loop)
    classes = config.objective == "classification"

    def loss(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        """Mean over the batch, of which this may be a part."""
        scores_B = outputs.logits.squeeze(-1).float()
        distance = functional.binary_cross_entropy_with_logits if classes else functional.mse_loss
        count = len(labels) if num_items_in_batch is None else num_items_in_batch
        return distance(scores_B, labels, reduction="sum") / count

    return Trainer(
        model=model,
        args=TrainingArguments(**trainer_settings("reward", config.loop, out)),
        data_collator=collate,
        train_dataset=Dataset.from_dict(columns).select(order),
        compute_loss_func=loss,
    )


def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
    """Rows of a micro-batch as matrices."""
    ids_BT, mask_BT = pad([row["input_ids"] for row in rows])
    labels_B = torch.tensor([float(row["labels"]) for row in rows])
    return {"input_ids": ids_BT, "attention_mask": mask_BT.long(), "labels": labels_B}
