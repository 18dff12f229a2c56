"""Compares runs by their loss on single blocks: held out, trained on, not yet seen.

    python -m trainer.pretraining.block_losses runs/a runs/b --blocks 128

The first run leads; changes are paired over blocks. A part that memorises shows as a gap between
seen and unseen blocks of the same repositories, before held-out text shows anything.

Shapes: R blocks, T tokens.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsp_server.contract.intervals import Interval, Sums, ratio_interval
from trainer.errors import StageError
from trainer.runtime.cpu import prepare_process

Array = NDArray[np.float64]

RESAMPLES = 2000
MICRO_BATCH = 4
"""Blocks per forward pass."""


@dataclass(frozen=True, slots=True)
class BlockNats:
    """What each block of a set costs, and what it is divided by."""

    nats_R: Array
    units_R: Array
    """Bytes of text, times the nats in a bit, for held-out blocks; tokens for the others."""


Measured = dict[str, BlockNats]
"""By set: `heldout`, `seen`, `unseen`."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every run and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.pretraining.block_losses", description=__doc__
    )
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs with stage pretrain")
    parser.add_argument("--blocks", type=int, default=128, help="blocks of each set")
    chosen = parser.parse_args(arguments)
    prepare_process()
    from rich.console import Console

    measured = {run.name: measure(run, chosen.blocks) for run in chosen.runs}
    Console(markup=False, emoji=False).print(table_of(measured))


def measure(run: Path, blocks: int) -> Measured:
    """The three sets by a run's finished weights.

    Raises StageError where the run is not finished, or has no text left that it has not seen.
    """
    from trainer.model.attention import use_chunked_attention
    from trainer.model.networks import load
    from trainer.model.objective import Objective, next_tokens

    rows = rows_of(run, blocks)
    model = load(run / "pretrain" / "model").float().eval()
    use_chunked_attention(model)
    objective = Objective(model)
    return {name: block_nats(objective, next_tokens, *found) for name, found in rows.items()}


def rows_of(run: Path, blocks: int) -> dict[str, tuple[NDArray[np.uint16], Array | None]]:
    """Blocks of each set; those held out with their text's bytes."""
    from trainer.corpus.blocks.block_file import open_rows, read_report
    from trainer.model.heldout import read_heldout

    packing, summary = run / "packing", run / "pretrain" / "training.json"
    if not summary.exists():
        raise StageError(
            f"block_losses: expected stage pretrain finished in {run}, found no {summary.name}; "
            f"finish it first: lory-train pretrain --run {run}"
        )
    width = read_report(packing)["block_tokens"]
    told = json.loads(summary.read_text())
    first, last = (told["seen_tokens"] // width, -(-told["tokens"] // width))
    trained = open_rows(packing / "epoch-000.u16", width)
    if first + last + blocks > len(trained):
        raise StageError(
            f"block_losses: expected {blocks} blocks that {run} has not seen, found "
            f"{max(0, len(trained) - first - last)} in its first epoch; give a lower --blocks"
        )
    heldout = read_heldout(packing, width, blocks)
    return {
        "heldout": (heldout.rows, heldout.text_bytes.astype(float) * math.log(2)),
        "seen": (trained[first : first + min(blocks, last)], None),
        "unseen": (trained[len(trained) - blocks :], None),
    }


def block_nats(
    objective: Any, next_tokens: Callable[[Any], Any], rows: NDArray[np.uint16], units: Array | None
) -> BlockNats:
    """Each block's nats; of held-out ones text and end tokens count, as in bits per byte."""
    import torch

    from trainer.model.heldout import counted_targets
    from trainer.model.objective import IGNORED

    nats, tokens = [], []
    for start in range(0, len(rows), MICRO_BATCH):
        part = np.asarray(rows[start : start + MICRO_BATCH])
        ids_RT = torch.from_numpy(part.astype(np.int64))
        counted_RT = next_tokens(ids_RT) != IGNORED
        if units is not None:
            counted_RT = torch.from_numpy(counted_targets(part))
        with torch.no_grad():
            nats_RT = objective.losses(ids_RT).double() * counted_RT
        nats.append(nats_RT.sum(1).numpy())
        tokens.append(counted_RT.sum(1).double().numpy())
    return BlockNats(np.concatenate(nats), np.concatenate(tokens) if units is None else units)


def table_of(measured: dict[str, Measured]) -> Any:
    """One row a run: each set's figure and its change, and the gap between unseen and seen."""
    from rich.table import Table

    table = Table("run", "held-out, bits per byte", "seen, nats", "unseen, nats", "unseen - seen")
    lead = next(iter(measured.values()))
    for name, sets in measured.items():
        cells = [tell(sets[part], lead[part]) for part in ("heldout", "seen", "unseen")]
        gap = ratio(sets["unseen"]) - ratio(sets["seen"])
        table.add_row(name, *cells, f"{gap:+.3f}")
    return table


def ratio(found: BlockNats) -> float:
    """Nats over all units."""
    return float(found.nats_R.sum() / found.units_R.sum())


def tell(found: BlockNats, lead: BlockNats) -> str:
    """A figure, and how far it is from the first run's with the interval over blocks."""
    told = f"{ratio(found):.4f}"
    if found is lead:
        return told
    value, low, high = change(found, lead)
    return f"{told}\n{value:+.4f} [{low:+.4f}, {high:+.4f}]"


def change(found: BlockNats, lead: BlockNats) -> Interval:
    """The difference of two ratios over the same blocks, with its interval over them."""
    terms = [sums(found), sums(lead)]
    told = ratio_interval(terms, [1, -1], resamples=RESAMPLES, seed=0)
    assert told is not None  # every block has targets
    return told


def sums(found: BlockNats) -> Sums:
    """Nats and units of each block, by its number."""
    pairs = zip(found.nats_R.tolist(), found.units_R.tolist(), strict=True)
    return dict(enumerate(pairs))


if __name__ == "__main__":
    main()
