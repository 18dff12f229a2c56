"""Settings of the network."""

from dataclasses import dataclass
from typing import Literal

Preset = Literal["gpt2-124m", "tiny", "6m", "10m", "25m", "45m"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Station 6's network: a preset; the vocabulary's size comes from the tokenizer."""

    preset: Preset = "10m"
    context: int = 1024
    block_order: Literal["gpt2", "gpt1"] = "gpt2"
    """GPT presets only: layer norm before each sub-layer (gpt2) or after it (gpt1)."""
