"""Settings of the network."""

from dataclasses import dataclass
from typing import Literal

from trainer.runtime.checks import require_at_least

Preset = Literal["gpt2-124m", "tiny", "6m", "10m", "25m", "45m"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Station 6's network: a preset; the vocabulary's size comes from the tokenizer."""

    preset: Preset = "10m"
    context: int = 1024
    block_order: Literal["gpt2", "gpt1"] = "gpt2"
    """GPT presets only: layer norm before each sub-layer (gpt2) or after it (gpt1)."""
    value_embeddings: bool = False
    """llama presets: every second layer adds a learned row of each token to its values. To be
    measured: `export` does not write it."""
    bigram_rows: int = 0
    """llama presets: rows of a table that a hash of each token and the one before it is looked up
    in, and that adds to the embedding; 0 for none. Nor is this exported."""
    bigram_width: int = 64
    """Channels of that table."""

    def __post_init__(self) -> None:
        require_at_least(0, "pretrain.model", self, "bigram_rows")
        require_at_least(1, "pretrain.model", self, "bigram_width")
