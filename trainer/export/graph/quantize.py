"""Quantizes weights in blocks, as MatMulNBits expects them.

Shapes: N rows (outputs), K columns (inputs), B blocks of a row, W bytes of a block's codes.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Bits = Literal[4, 8]
ROWS = 8192
"""Of a larger matrix, such as a large vocabulary's table, that are rounded at once."""


@dataclass(frozen=True, slots=True)
class BlockQuantized:
    """A matrix as `(code - 2 ** (bits - 1)) * scale`, each row in blocks with a scale each."""

    codes_NBW: NDArray[np.uint8]
    """4-bit codes lie two in a byte, the first in its low half."""
    scales_NB: NDArray[np.float32]
    bits: Bits
    block: int
    """Columns in one block; the last block of a row is filled up with zeros."""
    columns: int
    """K, without the filling."""


def quantize_blocks(matrix_NK: NDArray[np.float32], bits: Bits, block: int) -> BlockQuantized:
    """Round to the nearest code, symmetric around zero.

    With 4 bits the lowest of the 16 codes has no positive counterpart, so the largest value of a
    block takes that end whatever its sign, as in GGML's Q4_0; with 8 bits 255 codes are enough.
    """
    if len(matrix_NK) <= ROWS:
        return quantize_some(matrix_NK, bits, block)
    parts = [
        quantize_some(matrix_NK[at : at + ROWS], bits, block)
        for at in range(0, len(matrix_NK), ROWS)
    ]
    codes_NBW = np.concatenate([part.codes_NBW for part in parts])
    scales_NB = np.concatenate([part.scales_NB for part in parts])
    return replace(parts[0], codes_NBW=codes_NBW, scales_NB=scales_NB)


def quantize_some(matrix_NK: NDArray[np.float32], bits: Bits, block: int) -> BlockQuantized:
    """As `quantize_blocks`, with several copies of the matrix in memory for a while."""
    rows, columns = matrix_NK.shape
    padded_NK = np.pad(matrix_NK, ((0, 0), (0, -columns % block)))
    values_NBK = padded_NK.reshape(rows, -1, block)
    middle = 1 << (bits - 1)
    scales_NB = block_scales(values_NBK, bits)
    steps_NB1 = scales_NB[..., None]
    steps_NBK = np.divide(
        values_NBK, steps_NB1, where=steps_NB1 != 0, out=np.zeros_like(values_NBK)
    )
    codes_NBK = np.clip(np.rint(steps_NBK) + middle, 0, 2 * middle - 1)
    return BlockQuantized(pack(codes_NBK.astype(np.uint8), bits), scales_NB, bits, block, columns)


def quantize_whole_rows(matrix_NK: NDArray[np.float32], block: int) -> BlockQuantized:
    """8-bit codes with one scale for each row, laid out in blocks that repeat it."""
    rows, columns = matrix_NK.shape
    scales_N = block_scales(matrix_NK[:, None, :], 8)[:, 0]
    steps_NK = np.divide(
        matrix_NK,
        scales_N[:, None],
        where=scales_N[:, None] != 0,
        out=np.zeros_like(matrix_NK),
    )
    filled_NK = np.pad(
        np.rint(steps_NK) + 128, ((0, 0), (0, -columns % block)), constant_values=128
    )
    codes_NBK = filled_NK.astype(np.uint8).reshape(rows, -1, block)
    scales_NB = np.repeat(scales_N[:, None], codes_NBK.shape[1], axis=1)
    return BlockQuantized(codes_NBK, scales_NB, 8, block, columns)


def block_scales(values_NBK: NDArray[np.float32], bits: Bits) -> NDArray[np.float32]:
    """The step between two codes, for each block."""
    largest_NB1 = np.abs(values_NBK).argmax(axis=-1, keepdims=True)
    peaks_NB = np.take_along_axis(values_NBK, largest_NB1, axis=-1)[..., 0]
    scales_NB = np.abs(peaks_NB) / 127 if bits == 8 else peaks_NB / -8
    return scales_NB.astype(np.float32)


def pack(codes_NBK: NDArray[np.uint8], bits: Bits) -> NDArray[np.uint8]:
    """Codes as bytes."""
    if bits == 8:
        return codes_NBK
    return np.bitwise_or(codes_NBK[..., 0::2], np.left_shift(codes_NBK[..., 1::2], np.uint8(4)))


def unpack(quantized: BlockQuantized) -> NDArray[np.float32]:
    """The matrix [N, K] that the codes stand for."""
    codes_NBW, bits = quantized.codes_NBW, quantized.bits
    if bits == 4:
        halves = np.stack([codes_NBW & 15, codes_NBW >> 4], axis=-1)
        codes_NBW = halves.reshape(*codes_NBW.shape[:-1], -1)
    values_NBK = (codes_NBW.astype(np.float32) - (1 << (bits - 1))) * quantized.scales_NB[..., None]
    matrix_NK: NDArray[np.float32] = values_NBK.reshape(len(values_NBK), -1)[:, : quantized.columns]
    return matrix_NK
