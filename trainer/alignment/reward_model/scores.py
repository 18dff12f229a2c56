"""Scores rows of token ids with a reward model.

Shapes: B rows, T tokens of the longest one, D channels.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from lsp_server.contract.prompt import Sentinel

Side = Literal["left", "right"]


def build_scorer(weights: Path, seed: int) -> Any:
    """A sequence regression on the trunk of a language model, with a fresh head of one output."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from trainer.model.networks import in_block_order, load

    policy = load(weights)
    config = AutoConfig.from_pretrained(weights, num_labels=1)
    torch.manual_seed(seed)
    model = in_block_order(
        AutoModelForSequenceClassification.from_config(config, attn_implementation="sdpa")
    )
    model.base_model.load_state_dict(policy.base_model.state_dict())
    return model.float()


def load_scorer(folder: Path) -> Any:
    """The reward model that `save_pretrained` wrote to `folder`."""
    from transformers import AutoModelForSequenceClassification

    from trainer.model.networks import in_block_order

    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="sdpa")
    return in_block_order(model).float().eval()


def pad(rows: Sequence[Sequence[int]], side: Side = "right") -> tuple[Tensor, Tensor]:
    """The rows as one matrix, and a mask that is true on their tokens."""
    longest = max(map(len, rows))
    ids_BT = torch.full((len(rows), longest), int(Sentinel.PAD))
    mask_BT = torch.zeros_like(ids_BT, dtype=torch.bool)
    for number, row in enumerate(rows):
        start = longest - len(row) if side == "left" else 0
        ids_BT[number, start : start + len(row)] = torch.tensor(row)
        mask_BT[number, start : start + len(row)] = True
    return ids_BT, mask_BT


def last_token_scores(model: Any, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """`[B]`, the score at each row's last token; padding on either side never changes one."""
    positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
    output = model.base_model(
        input_ids=ids_BT, attention_mask=mask_BT.long(), position_ids=positions_BT, use_cache=False
    )
    places_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
    last_B = torch.where(mask_BT, places_T, -1).amax(1)
    rows_B = torch.arange(len(last_B), device=ids_BT.device)
    hidden_BD = output.last_hidden_state[rows_B, last_B]
    scores_B: Tensor = model.score(hidden_BD).squeeze(-1).float()
    return scores_B


@torch.no_grad()
def score_rows(model: Any, rows: Sequence[Sequence[int]], batch: int) -> list[float]:
    """A score for each row, in order; the model is left in its mode."""
    training = model.training
    model.eval()
    order = sorted(range(len(rows)), key=lambda number: len(rows[number]))
    scores = [0.0] * len(rows)
    for start in range(0, len(rows), batch):
        part = order[start : start + batch]
        ids_BT, mask_BT = (each.to(model.device) for each in pad([rows[number] for number in part]))
        for number, score in zip(part, last_token_scores(model, ids_BT, mask_BT), strict=True):
            scores[number] = float(score)
    model.train(training)
    return scores
