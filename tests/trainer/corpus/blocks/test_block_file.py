"""Best-fit placing of segments, and files of blocks."""

from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsp_server.contract.prompt import Sentinel
from trainer.corpus.blocks.block_file import BlockWriter, open_rows, shuffle_rows
from trainer.corpus.blocks.segments import Segment
from trainer.errors import CorpusError


def segment(length: int, fill: int = 9) -> Segment:
    return Segment([int(Sentinel.FILE), *[fill] * (length - 1)], "plain", length - 1)


def packed(lengths: list[int], block_tokens: int = 64) -> tuple[np.ndarray, BlockWriter]:
    file = BytesIO()
    writer = BlockWriter(file, block_tokens)
    writer.add([segment(length) for length in lengths])
    writer.close_blocks(keep=0)
    return np.frombuffer(file.getvalue(), "<u2").reshape(-1, block_tokens), writer


def lengths_in(rows: np.ndarray) -> list[int]:
    """Lengths of the segments of all rows, read off the ids alone."""
    lengths = []
    for row in rows:
        used = row[row != Sentinel.PAD]
        starts = [*np.flatnonzero(used == Sentinel.FILE), len(used)]
        lengths += np.diff(starts).tolist()
    return lengths


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 64), min_size=1, max_size=200))
def test_every_segment_stands_whole_in_one_block(lengths: list[int]) -> None:
    rows, writer = packed(lengths)
    assert Counter(lengths_in(rows)) == Counter(lengths)
    assert writer.tokens == sum(lengths)
    assert sum(writer.text_bytes) == sum(lengths) - len(lengths)


def test_a_segment_goes_where_it_leaves_the_least_room() -> None:
    rows, _ = packed([40, 50, 14, 24])
    assert sorted(sorted(lengths_in(rows[n : n + 1])) for n in range(2)) == [[14, 50], [24, 40]]


def test_padding_comes_last_in_its_block() -> None:
    rows, _ = packed([30, 20])
    assert (rows[0, :50] != Sentinel.PAD).all()
    assert (rows[0, 50:] == Sentinel.PAD).all()


def test_full_blocks_leave_memory_and_the_emptiest_stay_open() -> None:
    file = BytesIO()
    writer = BlockWriter(file, 64)
    writer.add([segment(length) for length in (64, 60, 40, 33)])
    writer.close_blocks(keep=1)
    assert writer.rows == 3
    writer.add([segment(31, fill=12)])
    writer.close_blocks(keep=0)
    last = np.frombuffer(file.getvalue(), "<u2").reshape(-1, 64)[-1]
    assert lengths_in(last[None]) == [33, 31]


def test_shuffled_rows_are_the_same_rows_in_the_given_order(tmp_path: Path) -> None:
    rows = np.arange(6 * 4, dtype="<u2").reshape(6, 4)
    (tmp_path / "a").write_bytes(rows.tobytes())
    order = np.array([3, 0, 5, 1, 4, 2])
    shuffle_rows(tmp_path / "a", tmp_path / "b", 4, order)
    np.testing.assert_array_equal(open_rows(tmp_path / "b", 4), rows[order])
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("size", [None, 0, 10])
def test_a_file_without_a_whole_number_of_blocks_is_refused(
    tmp_path: Path, size: int | None
) -> None:
    path = tmp_path / "epoch-000.u16"
    if size is not None:
        path.write_bytes(bytes(size))
    with pytest.raises(CorpusError, match="expected a file of blocks of 4 tokens"):
        open_rows(path, 4)
