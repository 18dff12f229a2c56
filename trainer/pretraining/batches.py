"""Finds the blocks of any optimizer step, so that a run can resume at every step.

The blocks of a step depend only on its number, which is all that a resumed run needs.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lsp_server.contract.prompt import Sentinel
from trainer.corpus.blocks.block_file import Rows, open_rows, read_report
from trainer.pretraining.config import EarlyConfig, PretrainConfig
from trainer.runtime.checks import require


class Batches:
    """Blocks of all epochs, in their order, dealt out by optimizer step.

    The first `seen_tokens` of them are left for last: blocks that another run has dealt out. The
    `early` steps may take fewer of them, and shorter texts.
    """

    def __init__(
        self,
        packing: Path,
        batch_rows: int,
        seen_tokens: int = 0,
        early: EarlyConfig = EarlyConfig(),  # noqa: B008  frozen
    ) -> None:
        report = read_report(packing)
        self.block_tokens: int = report["block_tokens"]
        self.batch_rows = batch_rows
        self.early = early
        self.early_rows = early.batch_tokens // self.block_tokens or batch_rows
        self.seen_rows = seen_tokens // self.block_tokens
        self.epochs = [
            open_rows(packing / f"epoch-{number:03d}.u16", self.block_tokens)
            for number in range(len(report["epochs"]))
        ]
        self.ends = np.cumsum([len(rows) for rows in self.epochs])

    def at(self, step: int) -> Rows:
        """Blocks of a step (from 0), `[batch_rows, block_tokens]`; epochs start over at the end.

        The early steps' blocks come in pieces of their texts' length.
        """
        numbers = range(self.rows_before(step), self.rows_before(step + 1))
        rows = np.stack([self.row(number) for number in numbers])
        whole = step >= self.early.steps or not self.early.text_tokens
        return rows if whole else rows.reshape(-1, self.early.text_tokens)

    def rows_before(self, step: int) -> int:
        """Blocks that are dealt out by the steps before `step`."""
        early = min(step, self.early.steps)
        return early * self.early_rows + (step - early) * self.batch_rows

    def tokens_before(self, step: int) -> int:
        """Their tokens, padding included."""
        return self.rows_before(step) * self.block_tokens

    def row(self, number: int) -> Rows:
        """The block that is dealt out after `number` others, `[block_tokens]`."""
        number = (number + self.seen_rows) % int(self.ends[-1])
        epoch = int(np.searchsorted(self.ends, number, side="right"))
        rows = self.epochs[epoch]
        row: Rows = rows[number - int(self.ends[epoch]) + len(rows)]
        return row


def accumulation(config: PretrainConfig, block_tokens: int, processes: int) -> int:
    """Micro-batches of one process in an optimizer step.

    Raises RecipeError where the processes cannot share a batch in whole micro-batches.
    """
    together = config.micro_batch * block_tokens * processes
    require(
        config.batch_tokens % together == 0,
        "pretrain.batch_tokens",
        f"a multiple of {together} (micro_batch x block_tokens x processes)",
        config.batch_tokens,
    )
    return config.batch_tokens // together


def check_early(early: EarlyConfig, block_tokens: int, processes: int) -> None:
    """Raise RecipeError where the early steps cannot be made of whole blocks, or those be cut."""
    together = block_tokens * processes
    require(
        early.batch_tokens % together == 0,
        "pretrain.early.batch_tokens",
        f"a multiple of {together} (block_tokens x processes)",
        early.batch_tokens,
    )
    require(
        not early.text_tokens or block_tokens % early.text_tokens == 0,
        "pretrain.early.text_tokens",
        f"a divisor of the blocks' {block_tokens} tokens",
        early.text_tokens,
    )


def block_weights(rows: Rows, key_ids: list[int], weight: float) -> NDArray[np.float32]:
    """Weight of each block's summed loss, `[R]`, so that their sum is the batch's loss.

    Without key tokens that is the mean over all targets. With them a block counts in proportion to
    1 + `weight` * (its key tokens), normalised to a mean of 1 over the batch (the source article's
    key-token weighted loss, which was not normalised there).
    """
    after = rows[:, 1:]
    targets = int(((after != Sentinel.PAD) & (after != Sentinel.FILE)).sum())
    share = np.ones(len(rows))
    if key_ids:
        share = 1 + weight * np.isin(rows, key_ids).sum(axis=1)
        share /= share.mean()
    return (share / max(targets, 1)).astype(np.float32)
