"""Block quantization, on numbers worked by hand and against onnxruntime's own product."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.export.graph.quantize import Bits, quantize_blocks, quantize_whole_rows, unpack


def test_eight_bits_by_hand() -> None:
    matrix_NK = np.array([[127.0, -63.5, 0.0, 1.2]], np.float32)
    quantized = quantize_blocks(matrix_NK, 8, 2)
    assert quantized.scales_NB.tolist() == [[1.0, pytest.approx(1.2 / 127)]]
    assert quantized.codes_NBW.tolist() == [[[255, 64], [128, 255]]]


def test_four_bits_by_hand() -> None:
    matrix_NK = np.array([[-8.0, 7.0, 0.4, 1.0]], np.float32)
    quantized = quantize_blocks(matrix_NK, 4, 4)
    assert quantized.scales_NB.tolist() == [[1.0]]
    assert quantized.codes_NBW.tolist() == [[[0 | 15 << 4, 8 | 9 << 4]]]
    assert unpack(quantized).tolist() == [[-8.0, 7.0, 0.0, 1.0]]


def test_a_block_of_zeros_stays_zero() -> None:
    zeros_NK = np.zeros((2, 5), np.float32)
    for bits in (4, 8):
        assert not unpack(quantize_blocks(zeros_NK, bits, 4)).any()


@pytest.mark.parametrize(("bits", "steps"), [(8, 127), (4, 8)])
@settings(deadline=None)
@given(data=st.data())
def test_no_value_moves_further_than_its_block_s_step(
    bits: Bits, steps: int, data: st.DataObject
) -> None:
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 70)))
    values = st.floats(-1e3, 1e3, width=32)
    matrix_NK: Any = data.draw(arrays(np.float32, shape, elements=values))
    restored_NK = unpack(quantize_blocks(matrix_NK, bits, 32))
    assert restored_NK.shape == shape
    for start in range(0, shape[1], 32):
        block = slice(start, start + 32)
        step_N = np.abs(matrix_NK[:, block]).max(axis=1) / steps
        moved_N = np.abs(restored_NK - matrix_NK)[:, block].max(axis=1)
        assert (moved_N <= step_N * 1.001 + 1e-30).all()


def test_whole_rows_share_one_scale_and_are_filled_up_with_zeros() -> None:
    matrix_NK = np.array([[127.0, -63.5, 1.0], [0.0, 0.0, 0.0]], np.float32)
    quantized = quantize_whole_rows(matrix_NK, 2)
    assert quantized.scales_NB.tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert quantized.codes_NBW.tolist() == [[[255, 64], [129, 128]], [[128, 128], [128, 128]]]
    assert unpack(quantized).tolist() == [[127.0, -64.0, 1.0], [0.0, 0.0, 0.0]]
