"""Bits per byte: what is counted, and an example worked by hand."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsp_server.contract.prompt import Sentinel
from trainer.model.heldout import bits_per_byte, counted_targets, read_heldout, sum_nats
from trainer.model.objective import Objective

FILE, PATH, PREFIX, END, PAD = (
    int(token)
    for token in (Sentinel.FILE, Sentinel.PATH, Sentinel.PREFIX, Sentinel.END, Sentinel.PAD)
)
ROWS = np.array(
    [
        [FILE, PATH, 20, 21, PREFIX, 30, 31, END, FILE, PREFIX, 32, PAD],
        [FILE, PREFIX, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42],
    ],
    dtype=np.uint16,
)


def test_text_and_end_tokens_are_counted_and_headers_paths_and_padding_are_not() -> None:
    counted = counted_targets(ROWS)
    assert np.flatnonzero(counted[0]).tolist() == [4, 5, 6, 9]
    assert np.flatnonzero(counted[1]).tolist() == list(range(1, 11))


def test_two_nats_of_one_bit_over_four_bytes_are_half_a_bit_per_byte() -> None:
    assert bits_per_byte(2 * math.log(2), 4) == pytest.approx(0.5)


@pytest.mark.parametrize("micro_batch", [1, 2])
def test_a_model_that_knows_nothing_spends_the_bits_of_its_vocabulary_on_each_target(
    make_model: Callable[[str], Any], micro_batch: int
) -> None:
    model = make_model("llama")
    with torch.no_grad():
        model.get_input_embeddings().weight.zero_()
    nats = sum_nats(Objective(model), ROWS, micro_batch, nullcontext)
    # 14 targets at log2(640) bits each, over texts of 20 and 36 bytes.
    vocabulary = model.config.vocab_size
    assert bits_per_byte(nats, 56) == pytest.approx(14 * math.log2(vocabulary) / 56, rel=1e-5)


def test_evaluation_leaves_the_model_in_training(make_model: Callable[[str], Any]) -> None:
    objective = Objective(make_model("llama")).train()
    sum_nats(objective, ROWS, 2, nullcontext)
    assert objective.training
    assert all(parameter.grad is None for parameter in objective.parameters())


def test_only_the_first_blocks_are_read_with_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "heldout.u16").write_bytes(ROWS.tobytes())
    np.save(tmp_path / "heldout_bytes.npy", np.array([20, 36]))
    heldout = read_heldout(tmp_path, block_tokens=12, blocks=1)
    assert (heldout.rows.tolist(), heldout.text_bytes.tolist()) == (ROWS[:1].tolist(), [20])
