"""Collects a decoder's weights from a checkpoint's tensors, each made only when it is asked for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ImportModelError
from trainer.export.importing.decoder.shape import HEAD, LazyWeights, Shape, Weights

Change = Callable[[Weights], Weights]

BUFFERS = re.compile(
    r"(^|\.)(rotary_emb\.inv_freq|attn\.(masked_)?bias|attention\.(masked_)?bias)$"
)
"""Tensors that older checkpoints hold and no model learns; a bias proper has its matrix's name."""


@dataclass(slots=True)
class Collected:
    """Weights by the names of `shape.py`, on their way from a checkpoint."""

    tensors: Mapping[str, Weights]
    makers: dict[str, Callable[[], Weights]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def take(self, source: str) -> Callable[[], Weights]:
        """What makes one tensor; ImportModelError where the checkpoint has none of the name."""
        if source not in self.tensors:
            raise ImportModelError(
                f"expected a tensor {source}, found none; the checkpoint is incomplete, or of "
                "another architecture than its config.json says"
            )
        self.used.add(source)
        return lambda: self.tensors[source]

    def put(self, name: str, source: str, change: Change | None = None) -> None:
        """A matrix or a norm's scale, and the bias beside it, each after `change`."""
        for end, target in ((".weight", name), (".bias", f"{name}.bias")):
            if end == ".weight" or f"{source}{end}" in self.tensors:
                make = self.take(f"{source}{end}")
                self.makers[target] = make if change is None else then(make, change)

    def table(self, name: str, source: str) -> None:
        """An embedding."""
        self.makers[name] = self.take(f"{source}.weight")

    def join(self, name: str, sources: Sequence[str]) -> None:
        """Several matrices of the same input as one, and their biases, where any has one."""
        makers = [self.take(f"{source}.weight") for source in sources]
        self.makers[name] = lambda: np.concatenate([make() for make in makers])
        biases = [f"{source}.bias" for source in sources]
        if any(bias in self.tensors for bias in biases):
            shifts = [self.take(b) if b in self.tensors else None for b in biases]
            self.makers[f"{name}.bias"] = lambda: np.concatenate(
                [
                    np.zeros(len(make()), np.float32) if shift is None else shift()
                    for make, shift in zip(makers, shifts, strict=True)
                ]
            )

    def change(self, name: str, change: Change) -> None:
        """Change a matrix's rows, and its bias in the same way."""
        for target in (name, f"{name}.bias"):
            if target in self.makers:
                self.makers[target] = then(self.makers[target], change)

    def finish(self, *ignored: str) -> LazyWeights:
        """The weights; ImportModelError where a tensor was left over that a model may need."""
        left = [
            name
            for name in self.tensors
            if name not in self.used and name not in ignored and not BUFFERS.search(name)
        ]
        if left:
            raise ImportModelError(
                f"expected tensors that config.json explains, found {left[0]} besides"
                f"{f' and {len(left) - 1} others' if left[1:] else ''}; "
                "a part of the model is not understood"
            )
        return LazyWeights(self.makers)


def finish(found: Collected, shape: Shape, head: str) -> LazyWeights:
    """The weights with the head, which a checkpoint may hold a copy of where it is tied."""
    if not shape.tied:
        found.put(HEAD, head)
    return found.finish(f"{head}.weight")


def then(make: Callable[[], Weights], change: Change) -> Callable[[], Weights]:
    """What makes a weight and changes it."""
    return lambda: np.ascontiguousarray(change(make()), np.float32)


def rotary_order(width: int, turned: int, interleaved: bool) -> NDArray[np.int64]:
    """For each dimension of a head as it is wired, the one of the checkpoint.

    Wired are pairs half a head apart. A checkpoint may turn the first `turned` dimensions alone, or
    have pairs side by side (`interleaved`).
    """
    first, second = np.arange(turned // 2), np.arange(turned // 2, turned)
    if interleaved:
        first, second = np.arange(0, turned, 2), np.arange(1, turned, 2)
    rest = np.arange(turned, width)
    half = len(rest) // 2
    return np.concatenate([first, rest[:half], second, rest[half:]])


def reorder_heads(heads: int, order: NDArray[np.int64]) -> Change:
    """Changes the rows of the first `heads` heads, which are queries and keys; values stay."""
    width = len(order)

    def change(array: Weights) -> Weights:
        turned, rest = array[: heads * width], array[heads * width :]
        apart = turned.reshape(heads, width, *array.shape[1:])[:, order]
        return np.concatenate([apart.reshape(turned.shape), rest])

    return change


def split_by_head(heads: int) -> Change:
    """Rows that lie as q, k, v of each head, as all q, all k, all v."""

    def change(array: Weights) -> Weights:
        apart = array.reshape(heads, 3, -1, *array.shape[1:])
        return apart.swapaxes(0, 1).reshape(array.shape)

    return change


def only_layers(
    config: Mapping[str, Any], tensors: Mapping[str, Weights], layers: int
) -> tuple[dict[str, Any], Mapping[str, Weights]]:
    """A checkpoint's configuration and tensors with its first `layers` layers alone.

    A setting that lists something for each layer is cut with them.
    """
    name = "n_layer" if "n_layer" in config else "num_hidden_layers"
    listed = {
        key: value[:layers]
        for key, value in config.items()
        if isinstance(value, list) and len(value) == config[name]
    }
    kept = [key for key in tensors if layer_of(key) < layers]
    makers = {key: (lambda key=key: tensors[key]) for key in kept}
    return {**config, **listed, name: layers}, LazyWeights(makers)


def layer_of(name: str) -> int:
    """The layer that a tensor belongs to; -1 for none."""
    found = re.search(r"\.(?:layers|h)\.(\d+)\.|^h\.(\d+)\.", name)
    return int(found[1] or found[2]) if found else -1
