"""Which blocks a step sees, and what each of them weighs."""

import json
from pathlib import Path

import numpy as np
import pytest

from lsp_server.contract.prompt import Sentinel
from trainer.corpus.blocks.block_file import read_report
from trainer.errors import CorpusError, RecipeError
from trainer.pretraining.batches import Batches, accumulation, block_weights, check_early
from trainer.pretraining.config import EarlyConfig, PretrainConfig

PAD, FILE = int(Sentinel.PAD), int(Sentinel.FILE)


@pytest.fixture
def packing(tmp_path: Path) -> Path:
    """Two epochs of 5 and 4 blocks of 4 tokens; a block's tokens are 100 * epoch + its row."""
    for epoch, rows in enumerate((5, 4)):
        blocks = np.repeat(100 * epoch + np.arange(rows), 4).astype("<u2")
        (tmp_path / f"epoch-{epoch:03d}.u16").write_bytes(blocks.tobytes())
    report = {"block_tokens": 4, "epochs": [{"rows": 5}, {"rows": 4}]}
    (tmp_path / "packing.json").write_text(json.dumps(report))
    return tmp_path


def test_steps_walk_through_the_epochs_in_order_and_start_over_after_the_last(
    packing: Path,
) -> None:
    batches = Batches(packing, batch_rows=2)
    seen = [row[0] for step in range(6) for row in batches.at(step)]
    assert seen == [0, 1, 2, 3, 4, 100, 101, 102, 103, 0, 1, 2]
    assert batches.at(1).shape == (2, 4)


def test_tokens_that_another_run_has_seen_come_last(packing: Path) -> None:
    batches = Batches(packing, batch_rows=2, seen_tokens=3 * 4)
    seen = [row[0] for step in range(5) for row in batches.at(step)]
    assert seen == [3, 4, 100, 101, 102, 103, 0, 1, 2, 3]


def test_early_steps_take_fewer_blocks_and_the_next_ones_go_on_where_they_ended(
    packing: Path,
) -> None:
    early = EarlyConfig(steps=2, batch_tokens=4, text_tokens=2)
    batches = Batches(packing, batch_rows=3, early=early)
    assert [batches.at(step).shape for step in range(3)] == [(2, 2), (2, 2), (3, 4)]
    assert [batches.at(step)[:, 0].tolist() for step in range(3)] == [[0, 0], [1, 1], [2, 3, 4]]
    assert [batches.tokens_before(step) for step in range(4)] == [0, 4, 8, 20]
    whole = Batches(packing, batch_rows=3, early=EarlyConfig(steps=1))
    assert whole.at(0).shape == (3, 4)


def test_early_steps_that_are_no_whole_blocks_are_refused() -> None:
    check_early(EarlyConfig(steps=3, batch_tokens=2048, text_tokens=512), 1024, processes=2)
    with pytest.raises(RecipeError, match="early.batch_tokens: expected a multiple of 2048"):
        check_early(EarlyConfig(batch_tokens=1024), 1024, processes=2)
    with pytest.raises(RecipeError, match="a divisor of the blocks' 1024 tokens"):
        check_early(EarlyConfig(text_tokens=600), 1024, processes=1)


def test_a_missing_report_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="run again: lory-train packing"):
        read_report(tmp_path)


def test_a_batch_is_divided_over_processes_and_micro_batches() -> None:
    config = PretrainConfig(batch_tokens=16_384, micro_batch=4)
    assert accumulation(config, block_tokens=1024, processes=1) == 4
    assert accumulation(config, block_tokens=1024, processes=2) == 2
    with pytest.raises(RecipeError, match="a multiple of 12288"):
        accumulation(config, block_tokens=1024, processes=3)


ROWS = np.array(
    [[FILE, 2, 50, 51, 52, 5], [FILE, 2, 50, FILE, 2, 53], [FILE, 2, 54, 5, PAD, PAD]],
    dtype=np.uint16,
)
TARGETS = 5 + 4 + 3


def test_without_key_tokens_every_target_of_the_batch_weighs_the_same() -> None:
    assert block_weights(ROWS, [], 1.0) == pytest.approx([1 / TARGETS] * 3)


def test_blocks_weigh_as_one_plus_their_key_tokens_with_a_mean_of_one() -> None:
    # Key tokens 51 and 50: 2, 1 and 0 of them, so 1 + count is 3, 2, 1, whose mean is 2.
    weights = block_weights(ROWS, [50, 51], 1.0) * TARGETS
    assert weights == pytest.approx([1.5, 1.0, 0.5])
    assert weights.mean() == pytest.approx(1.0)


def test_the_key_token_weight_scales_what_each_one_adds() -> None:
    weights = block_weights(ROWS, [50, 51], 2.0) * TARGETS
    assert weights == pytest.approx([5 / 3, 1.0, 1 / 3])
