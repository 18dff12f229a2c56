"""Packs segments into blocks of equal length, and stores them on disk.

A file of blocks is raw little-endian uint16, row after row; every row holds whole segments and then
`<|pad|>`. Rows are what the training loop counts in.
"""

import json
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lsp_server.contract.prompt import Sentinel
from trainer.corpus.blocks.segments import Segment
from trainer.errors import CorpusError

Rows = NDArray[np.uint16]
"""Blocks, `[rows, block_tokens]`."""

TOKEN = np.dtype("<u2")

SMALLEST_HOLE = 8
"""A block with fewer free tokens is full."""

SHUFFLE_ROWS = 4096
"""Rows that one write of a shuffled file holds in memory."""


class BlockWriter:
    """Puts each segment into the open block that it fills best, and writes full blocks."""

    def __init__(self, file: BinaryIO, block_tokens: int) -> None:
        self.file = file
        self.block_tokens = block_tokens
        self.rows = 0
        self.tokens = 0
        self.text_bytes = array("q")
        """Of each row written."""
        self._open: list[tuple[int, int]] = []
        self._segments: dict[int, list[Segment]] = {}
        self._serial = 0

    def add(self, segments: Iterable[Segment]) -> None:
        """Place segments, the longest first: best-fit decreasing over the open blocks."""
        for segment in sorted(segments, key=lambda segment: -len(segment.ids)):
            place = bisect_left(self._open, (len(segment.ids), -1))
            if place == len(self._open):
                free, serial = self.block_tokens, self._serial
                self._serial += 1
                self._segments[serial] = []
            else:
                free, serial = self._open.pop(place)
            self._segments[serial].append(segment)
            insort(self._open, (free - len(segment.ids), serial))
            self.tokens += len(segment.ids)

    def close_blocks(self, keep: int) -> None:
        """Write the blocks that are full, and of the others all but the `keep` emptiest."""
        full = bisect_left(self._open, (SMALLEST_HOLE, -1))
        for _, serial in self._open[: max(full, len(self._open) - keep)]:
            self._write(self._segments.pop(serial))
        self._open = self._open[max(full, len(self._open) - keep) :]

    def _write(self, segments: list[Segment]) -> None:
        row = np.full(self.block_tokens, int(Sentinel.PAD), TOKEN)
        ids = [token for segment in segments for token in segment.ids]
        row[: len(ids)] = ids
        self.file.write(row.tobytes())
        self.rows += 1
        self.text_bytes.append(sum(segment.text_bytes for segment in segments))


def shuffle_rows(source: Path, target: Path, block_tokens: int, order: NDArray[np.int64]) -> None:
    """Write the rows of `source` to `target` in `order`, and remove `source`."""
    rows = open_rows(source, block_tokens)
    with target.open("wb") as file:
        for start in range(0, len(order), SHUFFLE_ROWS):
            file.write(rows[order[start : start + SHUFFLE_ROWS]].tobytes())
    del rows
    source.unlink()


def open_rows(path: Path, block_tokens: int) -> Rows:
    """The blocks of a file, memory-mapped; CorpusError where it holds no whole number of them."""
    size = path.stat().st_size if path.exists() else 0
    if size == 0 or size % (block_tokens * TOKEN.itemsize):
        raise CorpusError(
            f"{path}: expected a file of blocks of {block_tokens} tokens, found {size} bytes; "
            "delete the packing folder and run it again"
        )
    return np.memmap(path, TOKEN, mode="r").reshape(-1, block_tokens)


def read_report(packing: Path) -> dict[str, Any]:
    """What the packing stage says about its files; CorpusError where that is missing or damaged."""
    try:
        report: dict[str, Any] = json.loads((packing / "packing.json").read_text())
    except (OSError, ValueError) as exc:
        raise CorpusError(
            f"{packing / 'packing.json'} cannot be read ({exc}); run again: lory-train packing"
        ) from exc
    return report
