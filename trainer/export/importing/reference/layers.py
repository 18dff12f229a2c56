"""What the reference networks are made of: linear layers, norms, attention, rotary positions.

Shapes: T positions, D width, H query heads, G key heads, W a head's width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.export.importing.decoder.rotary import find_frequencies

Array = NDArray[np.float64]
Tensors = Mapping[str, Any]
Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Network:
    """A checkpoint that is read."""

    kind: str
    settings: Settings
    tensors: Tensors

    def get(self, name: str) -> Array:
        """A tensor in float64."""
        return np.asarray(self.tensors[name], np.float64)

    def linear(self, x_TD: Array, name: str) -> Array:
        """A layer as torch's `nn.Linear` has it."""
        y: Array = x_TD @ self.get(f"{name}.weight").T
        if f"{name}.bias" in self.tensors:
            y += self.get(f"{name}.bias")
        return y

    def conv1d(self, x_TD: Array, name: str) -> Array:
        """A layer as GPT-2's `Conv1D` has it."""
        y: Array = x_TD @ self.get(f"{name}.weight") + self.get(f"{name}.bias")
        return y

    def layer_norm(self, x_TD: Array, name: str, epsilon: float) -> Array:
        """LayerNorm (Ba et al. 2016)."""
        centred = x_TD - x_TD.mean(-1, keepdims=True)
        scaled: Array = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return scaled * self.get(f"{name}.weight") + self.get(f"{name}.bias")

    def rms_norm(self, x_TD: Array, name: str) -> Array:
        """RMSNorm (Zhang and Sennrich 2019); Gemma's scale is 1 + w."""
        scale = self.get(f"{name}.weight") + (1.0 if self.kind.startswith("gemma") else 0.0)
        epsilon = self.settings["rms_norm_eps"]
        y: Array = x_TD / np.sqrt((x_TD**2).mean(-1, keepdims=True) + epsilon) * scale
        return y


@dataclass(frozen=True, slots=True)
class Attending:
    """How one layer attends."""

    scale: float
    window: int = 0
    softcap: float = 0.0


def attend(q_THW: Array, k_TGW: Array, v_TGW: Array, how: Attending) -> Array:
    """Causal softmax attention, key heads shared by groups of query heads: [T, H * W]."""
    count, heads = q_THW.shape[:2]
    shared = heads // k_TGW.shape[1]
    k_THW, v_THW = (np.repeat(x, shared, axis=1) for x in (k_TGW, v_TGW))
    scores_HTT = np.einsum("qhw,khw->hqk", q_THW, k_THW) * how.scale
    if how.softcap:
        scores_HTT = np.tanh(scores_HTT / how.softcap) * how.softcap
    back = np.arange(count)[:, None] - np.arange(count)
    hidden = (back < 0) | ((back >= how.window) if how.window else False)
    scores_HTT = np.where(hidden, -np.inf, scores_HTT)
    weights = np.exp(scores_HTT - scores_HTT.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    mixed: Array = np.einsum("hqk,khw->qhw", weights, v_THW).reshape(count, -1)
    return mixed


def turn(x_THW: Array, rope: Settings, turned: int, *, interleaved: bool = False) -> Array:
    """Rotary positions of the first `turned` dimensions; pairs half of them apart, or adjacent."""
    frequencies, factor = find_frequencies(rope, turned)
    angles = np.arange(len(x_THW))[:, None, None] * frequencies
    cosines, sines = np.cos(angles) * factor, np.sin(angles) * factor
    moved, rest = x_THW[..., :turned], x_THW[..., turned:]
    if interleaved:
        first, second = moved[..., 0::2], moved[..., 1::2]
    else:
        first, second = moved[..., : turned // 2], moved[..., turned // 2 :]
    pair = (first * cosines - second * sines, second * cosines + first * sines)
    spun = np.stack(pair, -1).reshape(moved.shape) if interleaved else np.concatenate(pair, -1)
    return np.concatenate([spun, rest], -1)


def split_heads(x: Array, heads: int) -> Array:
    """[T, H * W] as [T, H, W]."""
    return x.reshape(len(x), heads, -1)


def head(network: Network, x: Array, embedding: str, name: str = "lm_head") -> Array:
    """Logits against the embedding, or a matrix of their own."""
    if network.settings["tie_word_embeddings"]:
        return x @ network.get(f"{embedding}.weight").T
    return network.linear(x, name)
