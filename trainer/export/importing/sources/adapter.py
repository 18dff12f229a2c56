"""Merges a low-rank adapter (Hu et al. 2021) into the tensors of the model it was learned for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import ImportModelError
from trainer.export.importing.decoder.shape import LazyWeights, Weights
from trainer.export.importing.sources.source import Source, checked

STRENGTH = 2.0
"""What the product of an adapter's matrices is multiplied by."""


def with_adapter(source: Source, path: Path) -> Source:
    """The source with what the adapter adds to its matrices.

    Raises ImportModelError for a file that is no adapter, or one of another model.
    """
    adapter, facts = read_adapter(path)
    if facts.get("source") != source.digest():
        raise ImportModelError(
            f"{path}: expected the weights of the model that the adapter was learned for, found "
            f"those of {source.origin}; import that model"
        )
    found = {name.rpartition(".")[0] for name in adapter}
    if strange := sorted(found - stems(source)):
        raise ImportModelError(f"{path}: expected matrices of the model, found {strange[0]}")
    wanted = {f"{stem}.{part}" for stem in found for part in "ab"}
    if odd := sorted(wanted ^ adapter.keys()):
        raise ImportModelError(f"{path}: expected a and b of each matrix and no more, see {odd[0]}")
    makers = {name: maker(source, adapter, name) for name in source.tensors}
    return replace(source, tensors=LazyWeights(makers))


def stems(source: Source) -> set[str]:
    """Names of the source's layers."""
    return {name.removesuffix(".weight") for name in source.tensors}


def maker(source: Source, adapter: Mapping[str, Weights], name: str) -> Callable[[], Weights]:
    """What makes a tensor with its adapter's part, where it has one."""
    layer = name.removesuffix(".weight")
    if f"{layer}.b" not in adapter:
        return lambda: source.tensors[name]
    a_RK, b_NR = adapter[f"{layer}.a"], adapter[f"{layer}.b"]
    return lambda: merge(name, source.tensors[name], a_RK, b_NR)


def merge(name: str, matrix_NK: Weights, a_RK: Weights, b_NR: Weights) -> Weights:
    """A matrix with its adapter's part; ImportModelError where that is of other sizes."""
    sizes = (*b_NR.shape[:1], *a_RK.shape[1:])
    if not a_RK.ndim == b_NR.ndim == 2 or b_NR.shape[1] != len(a_RK) or sizes != matrix_NK.shape:
        raise ImportModelError(
            f"adapter, {name}: expected matrices that make {list(matrix_NK.shape)}, found "
            f"{list(b_NR.shape)} and {list(a_RK.shape)}; the adapter is another model's"
        )
    merged: Weights = matrix_NK + np.float32(STRENGTH) * (b_NR @ a_RK)
    return merged


def read_adapter(path: Path) -> tuple[dict[str, Weights], dict[str, Any]]:
    """The matrices and what the file says of itself; ImportModelError for another kind of file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            names = list(file.keys())
            found = {name: np.asarray(file.get_tensor(name), np.float32) for name in names}
            facts = dict(file.metadata() or {})
    except (SafetensorError, OSError) as exc:
        raise ImportModelError(
            f"{path}: expected an adapter that lory-train adapt wrote, found: {exc}"
        ) from exc
    return {name: checked(name, array) for name, array in found.items()}, facts
