"""Activation functions in float64, by transformers' names."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bend(name: str, x: Array) -> Array:
    """The activation of `x`."""
    if name in ("silu", "swish"):
        silu: Array = x / (1 + np.exp(-x))
        return silu
    if name == "relu":
        return np.maximum(x, 0.0)
    if name == "gelu":
        return x * (1 + error_function(x / math.sqrt(2))) / 2
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    curved: Array = x * (1 + np.tanh(inner)) / 2
    return curved


def error_function(x: Array) -> Array:
    """erf, one number at a time, as numpy has none."""
    flat = np.fromiter((math.erf(value) for value in x.ravel()), np.float64, x.size)
    return flat.reshape(x.shape)
