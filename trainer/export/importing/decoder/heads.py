"""Widens a decoder's heads to what onnxruntime turns, with zeros that change nothing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from trainer.errors import ImportModelError
from trainer.export.importing.decoder.shape import (
    HEAD_MULTIPLE,
    Decoder,
    LazyWeights,
    RotaryTable,
    Weights,
    qkv_name,
)


def pad_heads(decoder: Decoder) -> Decoder:
    """The same function with heads of whole sixteens.

    Raises ImportModelError where each head has a norm, which zeros would change.
    """
    shape = decoder.shape
    width, wanted = shape.width, -(-shape.width // HEAD_MULTIPLE) * HEAD_MULTIPLE
    if wanted == width:
        return decoder
    if shape.head_norms:
        raise ImportModelError(
            f"head_dim: expected a multiple of {HEAD_MULTIPLE} where each head has a norm, found "
            f"{width}; the model cannot be imported"
        )
    half, grown = width // 2, wanted // 2
    places = np.concatenate([np.arange(half), grown + np.arange(width - half)])

    def rows(array: Weights) -> Weights:
        wide = np.zeros((len(array) // width, wanted, *array.shape[1:]), np.float32)
        wide[:, places] = array.reshape(-1, width, *array.shape[1:])
        return wide.reshape(-1, *array.shape[1:])

    def columns(array: Weights) -> Weights:
        return np.ascontiguousarray(rows(np.ascontiguousarray(array.T)).T)

    changes: dict[str, Callable[[Weights], Weights]] = {}
    for layer in range(shape.layers):
        changes |= {qkv_name(layer): rows, f"{qkv_name(layer)}.bias": rows}
        changes[f"output.{layer}"] = columns
    weights = changed(decoder, changes)
    rotary = tuple(widen(table, half, grown) for table in decoder.rotary)
    return Decoder(replace(shape, width=wanted), weights, rotary)


def changed(decoder: Decoder, changes: dict[str, Callable[[Weights], Weights]]) -> LazyWeights:
    """The decoder's weights, some of them after a change."""

    def maker(name: str) -> Callable[[], Weights]:
        change = changes.get(name)
        if change is None:
            return lambda: decoder.weights[name]
        return lambda: change(decoder.weights[name])

    return LazyWeights({name: maker(name) for name in decoder.weights})


def widen(table: RotaryTable, half: int, grown: int) -> RotaryTable:
    """The table with pairs that stand still after its own."""
    room = ((0, 0), (0, grown - half))
    return RotaryTable(np.pad(table.cosines, room, constant_values=1), np.pad(table.sines, room))
