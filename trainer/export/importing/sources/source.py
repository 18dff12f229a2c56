"""What is read of a model that others made, whichever format it comes in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ImportModelError

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model of others, its tensors not read yet."""

    name: str
    """For the bundle, unless another is given."""
    origin: str
    """Where it was read, for people."""
    config: Mapping[str, Any]
    """As in transformers' config.json."""
    tensors: Mapping[str, Weights]
    """By transformers' names."""
    tokenizer: dict[str, Any]
    """As in tokenizer.json."""
    licence: str
    """As the model states it; "" where it does not."""
    files: tuple[Path, ...]
    """That hold the weights."""

    def digest(self) -> str:
        """SHA-256 over the weights' files in their order."""
        whole = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()


def checked(name: str, array: Weights) -> Weights:
    """The tensor; ImportModelError where it holds what is no number."""
    if not np.isfinite(array).all():
        raise ImportModelError(
            f"tensor {name}: expected numbers, found NaN or infinity; the checkpoint is damaged"
        )
    return array
