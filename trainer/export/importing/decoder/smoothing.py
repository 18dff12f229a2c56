"""Evens out what a decoder's matrices read, so that its rows lose less when they are rounded.

A few channels of the activations are far larger than the rest, and a row's 8 bits must reach up to
them. To scale a channel down where it is written and up again in the matrix that reads it leaves
the function as it is. It is written by a norm's scale, or by the last rows of another matrix: those
of an attention's values, and of the factor of a gated MLP.

Source: Xiao et al. 2022, "SmoothQuant".

Shapes: K channels that a matrix reads, N its rows, D those of K that are written apart.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lsp_server.contract.prompt import Ids
from trainer.export.importing.decoder.heads import changed
from trainer.export.importing.decoder.peaks import find_peaks
from trainer.export.importing.decoder.shape import (
    Decoder,
    Shape,
    Weights,
    layer_norm_names,
    qkv_name,
    up_name,
)

SHARE = 0.5
"""How much of the unevenness goes over to the matrix that reads, as a power."""
SMALLEST = 1e-5
"""What a channel's peak is at least."""

Change = Callable[[Weights], Weights]


@dataclass(frozen=True, slots=True)
class Fold:
    """A matrix, and the norm or matrix that writes what it reads."""

    reads: str
    writes: str
    kv: int = 1
    """Heads of values that are written; each is read once for every query head that shares it."""
    shared: int = 1
    """Query heads that share one."""


def folds(shape: Shape, layer: int) -> Iterator[Fold]:
    """Where a layer's channels can be scaled without changing what it computes."""
    first, second = layer_norm_names(layer)
    if not shape.parallel and shape.place != "after":  # else others read it too
        yield Fold(qkv_name(layer), first)
        yield Fold(up_name(layer), second)
    yield Fold(f"output.{layer}", qkv_name(layer), shape.kv, shape.query // shape.kv)
    if shape.gated:
        yield Fold(f"down.{layer}", up_name(layer))


def smooth(decoder: Decoder, prompts: Sequence[Ids]) -> Decoder:
    """The same function, its channels closer in size to each other where it reads `prompts`."""
    found = [fold for layer in range(decoder.shape.layers) for fold in folds(decoder.shape, layer)]
    peaks = find_peaks(decoder, [fold.reads for fold in found], prompts)
    changes: dict[str, Change] = {}
    for fold in found:
        factors_D = balance(fold, peaks[fold.reads], decoder.weights[fold.reads])
        then(changes, fold.reads, columns(spread(fold, factors_D)))
        then(changes, fold.writes, last_rows(factors_D))
        then(changes, f"{fold.writes}.bias", last_rows(factors_D))
    return replace(decoder, weights=changed(decoder, changes))


def balance(fold: Fold, peaks_K: Weights, matrix_NK: Weights) -> Weights:
    """What each channel is divided by where it is written [D]."""
    read_D = largest_of_shared(fold, peaks_K)
    weighs_D = largest_of_shared(fold, np.abs(matrix_NK).max(0))
    factors_D: Weights = read_D**SHARE / weighs_D ** (1 - SHARE)
    centred_D: Weights = factors_D / np.exp(np.log(factors_D).mean())
    return centred_D


def largest_of_shared(fold: Fold, sizes_K: Weights) -> Weights:
    """The largest of the sizes of those channels that are written once and read several times."""
    apart = sizes_K.reshape(fold.kv, fold.shared, -1).max(1)
    largest: Weights = np.maximum(apart.reshape(-1), SMALLEST)
    return largest


def spread(fold: Fold, factors_D: Weights) -> Weights:
    """The factors of all channels that are read [K]."""
    apart = np.repeat(factors_D.reshape(fold.kv, 1, -1), fold.shared, axis=1)
    return apart.reshape(-1)


def columns(factors_K: Weights) -> Change:
    """Multiplies a matrix's columns."""
    return lambda matrix_NK: matrix_NK * factors_K


def last_rows(factors_D: Weights) -> Change:
    """Divides the last rows of a matrix or a bias, which may be all of them."""

    def change(array: Weights) -> Weights:
        divisors = np.ones(len(array), np.float32)
        divisors[-len(factors_D) :] = factors_D
        return array / divisors.reshape(-1, *(1,) * (array.ndim - 1))

    return change


def then(changes: dict[str, Change], name: str, change: Change) -> None:
    """Have a weight changed, after what changes it already."""
    earlier = changes.get(name)
    changes[name] = change if earlier is None else lambda array: change(earlier(array))
