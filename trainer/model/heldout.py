"""Measures bits per byte on held-out blocks."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lsp_server.contract.prompt import Sentinel
from trainer.corpus.blocks.block_file import Rows, open_rows
from trainer.model.objective import Objective


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Blocks of plain layout and the UTF-8 bytes of text that each stands for."""

    rows: Rows
    text_bytes: NDArray[np.int64]


def read_heldout(packing: Path, block_tokens: int, blocks: int) -> HeldOut:
    """The first `blocks` held-out blocks; the packing stage has shuffled them."""
    rows = open_rows(packing / "heldout.u16", block_tokens)[:blocks]
    return HeldOut(rows, np.load(packing / "heldout_bytes.npy")[:blocks])


def counted_targets(rows: Rows) -> NDArray[np.bool_]:
    """`[R, T]`, true where the next token is text or the end token; paths are not counted."""
    is_prefix, is_file = rows == Sentinel.PREFIX, rows == Sentinel.FILE
    places = np.arange(rows.shape[1])
    last_prefix = np.maximum.accumulate(np.where(is_prefix, places, -1), axis=1)
    last_file = np.maximum.accumulate(np.where(is_file, places, -1), axis=1)
    after = np.full_like(rows, int(Sentinel.PAD))
    after[:, :-1] = rows[:, 1:]
    has_target = (after != Sentinel.PAD) & (after != Sentinel.FILE)
    counted: NDArray[np.bool_] = (last_prefix > last_file) & has_target
    return counted


def bits_per_byte(nats: float, text_bytes: int) -> float:
    """Nats summed over text and end tokens, as bits for each byte of the text."""
    return nats / math.log(2) / text_bytes


@torch.no_grad()
def sum_nats(objective: Objective, rows: Rows, micro_batch: int, autocast: Any) -> float:
    """Nats of all counted targets of `rows`; `autocast` makes a fresh context for each batch."""
    device = next(objective.parameters()).device
    training = objective.training
    objective.eval()
    total = 0.0
    for start in range(0, len(rows), micro_batch):
        part = np.asarray(rows[start : start + micro_batch])
        counted = torch.from_numpy(counted_targets(part)).to(device)
        with autocast():
            nats_BT = objective.losses(torch.from_numpy(part.astype(np.int64)).to(device))
        total += float((nats_BT.double() * counted).sum())
    objective.train(training)
    return total
