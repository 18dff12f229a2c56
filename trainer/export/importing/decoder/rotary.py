"""Rotary positions (Su et al. 2021) and the ways in which models stretch them, as tables.

Settings are those of transformers' `rope_parameters`, formerly `rope_theta` and `rope_scaling`.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ImportModelError
from trainer.export.importing.decoder.shape import RotaryTable

Frequencies = NDArray[np.float64]

KINDS = ("default", "linear", "llama3", "yarn")
READ: dict[str, frozenset[str]] = {
    "default": frozenset(),
    "linear": frozenset({"factor"}),
    "llama3": frozenset(
        {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}
    ),
    "yarn": frozenset(
        {
            *("factor", "original_max_position_embeddings", "beta_fast", "beta_slow"),
            *("attention_factor", "mscale", "mscale_all_dim", "truncate"),
        }
    ),
}
"""What each kind reads, besides rope_type, rope_theta and partial_rotary_factor."""


def read_rope(config: Mapping[str, Any], longest: int) -> dict[str, Any]:
    """The settings of rotary positions, in their newer form, checked.

    Raises ImportModelError for a kind, or a setting of one, that is not understood.
    """
    rope = dict(config.get("rope_parameters") or {})
    if not rope:
        rope = dict(config.get("rope_scaling") or {})
        rope["rope_theta"] = config.get("rope_theta") or 10000.0
    return check_rope(rope, longest)


def check_rope(rope: dict[str, Any], longest: int) -> dict[str, Any]:
    """The same settings with their kind named; ImportModelError as above."""
    older = rope.pop("type", None)
    kind = rope.setdefault("rope_type", older or "default")
    if kind not in KINDS:
        raise ImportModelError(
            f"rope_type: expected one of {', '.join(KINDS)}, found {kind!r}; "
            "this way of stretching positions is not understood"
        )
    known = READ[kind] | {"rope_type", "rope_theta", "partial_rotary_factor"}
    for name, value in rope.items():
        if name not in known and value is not None:
            raise ImportModelError(
                f"rope_parameters.{name}: expected a setting that rope_type {kind} has, "
                f"found {value!r}; it is not understood"
            )
    rope.setdefault("original_max_position_embeddings", longest)
    return rope


def make_table(rope: Mapping[str, Any], turned: int, width: int, context: int) -> RotaryTable:
    """Cosines and sines for heads of `width`, of which the first `turned` dimensions turn.

    The pairs beyond stand still: cosine 1, sine 0.
    """
    frequencies, factor = find_frequencies(rope, turned)
    angles = np.zeros((context, width // 2))
    angles[:, : len(frequencies)] = np.arange(context)[:, None] * frequencies
    cosines, sines = np.cos(angles), np.sin(angles)
    cosines[:, : len(frequencies)] *= factor
    sines[:, : len(frequencies)] *= factor
    return RotaryTable(cosines.astype(np.float32), sines.astype(np.float32))


def find_frequencies(rope: Mapping[str, Any], turned: int) -> tuple[Frequencies, float]:
    """Radians a position for each pair, and what cosines and sines are multiplied by."""
    base = float(rope["rope_theta"])
    plain: Frequencies = base ** -(np.arange(0, turned, 2) / turned)
    kind = rope["rope_type"]
    if kind == "linear":
        return plain / float(rope["factor"]), 1.0
    if kind == "llama3":
        return stretch_low(plain, rope), 1.0
    if kind == "yarn":
        return stretch_by_yarn(plain, rope, turned)
    return plain, 1.0


def stretch_low(plain: Frequencies, rope: Mapping[str, Any]) -> Frequencies:
    """Llama 3.1: long waves are stretched, short ones left, those between blended."""
    factor, longest = float(rope["factor"]), float(rope["original_max_position_embeddings"])
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    turns = longest * plain / (2 * math.pi)
    smooth = np.clip((turns - low) / (high - low), 0, 1)
    blended: Frequencies = (1 - smooth) * plain / factor + smooth * plain
    return blended


def stretch_by_yarn(
    plain: Frequencies, rope: Mapping[str, Any], turned: int
) -> tuple[Frequencies, float]:
    """YaRN (Peng et al. 2023): as llama3, blended over dimensions, attention sharpened."""
    factor, longest = float(rope["factor"]), float(rope["original_max_position_embeddings"])
    base = float(rope["rope_theta"])

    def dimension(turns: float) -> float:
        return turned * math.log(longest / (turns * 2 * math.pi)) / (2 * math.log(base))

    low = dimension(float(rope.get("beta_fast") or 32))
    high = dimension(float(rope.get("beta_slow") or 1))
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, turned - 1)
    ramp = np.clip((np.arange(turned // 2) - low) / max(high - low, 0.001), 0, 1)
    blended: Frequencies = plain / factor * ramp + plain * (1 - ramp)
    return blended, yarn_factor(rope, factor)


def yarn_factor(rope: Mapping[str, Any], factor: float) -> float:
    """What cosines and sines are multiplied by, so that attention gets sharper."""
    given = rope.get("attention_factor")
    if given is not None:
        return float(given)

    def mscale(weight: float) -> float:
        return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0

    above, below = rope.get("mscale"), rope.get("mscale_all_dim")
    return mscale(float(above)) / mscale(float(below)) if above and below else mscale(1.0)
