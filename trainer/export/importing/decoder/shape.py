"""The decoder that every supported architecture is a setting of: its switches and its weights.

Matrices are [N, K] (outputs, inputs). Their names are those that the graph stores them under:
`embedding`, `positions`, `head`; for each layer `self_attn.q_k_v`, `output.N`, `mlp.gate_up`,
`down.N` and the norms. A bias has the matrix's name and `.bias`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]

Activation = Literal["silu", "gelu", "gelu_tanh", "relu"]
NormPlace = Literal["before", "after", "around"]
"""before: each sub-block reads a normed stream (GPT-2, Llama). after: the stream itself is normed
after each sub-block (GPT-1). around: before, and the sub-block's output is normed too (Gemma 2)."""

HEAD_MULTIPLE = 16
"""onnxruntime's attention turns heads of whole sixteens alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is wired."""

    hidden: int
    layers: int
    query: int
    """Heads."""
    kv: int
    width: int
    """Of a head."""
    context: int
    vocabulary: int
    norm: Literal["rms", "layer"] = "rms"
    place: NormPlace = "before"
    epsilon: float = 1e-5
    learned: bool = False
    """Whether positions are a table that is added to the embedding."""
    rotary: tuple[int, ...] = ()
    """For each layer which of the rotary tables turns it, -1 for none; () for no rotary at all."""
    parallel: bool = False
    """Attention and MLP read the same stream and are added together (GPT-NeoX)."""
    shared_norm: bool = False
    """Where parallel: both read one norm (CodeGen)."""
    gated: bool = True
    activation: Activation = "silu"
    scales: tuple[float, ...]
    """What the products of queries and keys are multiplied by, for each layer."""
    windows: tuple[int, ...] = ()
    """How many positions each layer sees, 0 for all."""
    attention_softcap: float = 0.0
    logit_softcap: float = 0.0
    head_norms: bool = False
    """RMSNorm of each head's queries and keys before they are turned (Qwen 3)."""
    embedding_scale: float = 1.0
    tied: bool = True


@dataclass(frozen=True, slots=True)
class RotaryTable:
    """Cosines and sines [context, width / 2]; the pairs are i and i + width / 2 of a head."""

    cosines: Weights
    sines: Weights


@dataclass(frozen=True, slots=True)
class Decoder:
    """A network that is ready to be wired."""

    shape: Shape
    weights: Mapping[str, Weights]
    rotary: tuple[RotaryTable, ...] = ()


class LazyWeights(Mapping[str, Weights]):
    """Weights that are made each time one is asked for, so that one matrix is in memory at once."""

    def __init__(self, makers: Mapping[str, Callable[[], Weights]]) -> None:
        self._makers = makers

    def __getitem__(self, name: str) -> Weights:
        return self._makers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers


def layer_norm_names(layer: int) -> tuple[str, str]:
    """Of the norms before attention and before the MLP."""
    part = f"model.layers.{layer}"
    return f"{part}.input_layernorm", f"{part}.post_attention_layernorm"


def outer_norm_names(layer: int) -> tuple[str, str]:
    """Of the norms of what attention and the MLP write, where norms stand around."""
    return f"model.layers.{layer}.attention_norm", f"model.layers.{layer}.mlp_norm"


def head_norm_names(layer: int) -> tuple[str, str]:
    """Of the norms of queries and keys."""
    return f"model.layers.{layer}.q_norm", f"model.layers.{layer}.k_norm"


def qkv_name(layer: int) -> str:
    """Of queries', keys' and values' joined matrix."""
    return f"model.layers.{layer}.self_attn.q_k_v"


def up_name(layer: int) -> str:
    """Of the MLP's first matrix: gate and up joined, or up alone."""
    return f"model.layers.{layer}.mlp.gate_up"


EMBEDDING, POSITIONS, HEAD, FINAL_NORM = "embedding", "positions", "head", "model.norm"
