"""Settings of the stage `pretrain`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainer.model.config import ModelConfig
from trainer.pretraining.schedule import parse_budget
from trainer.runtime.checks import require, require_at_least


@dataclass(frozen=True, kw_only=True)
class EarlyConfig:
    """The first steps of pretraining, where they are smaller or read shorter texts."""

    steps: int = 0
    """Optimizer steps that are taken so; they count among `pretrain.steps`."""
    batch_tokens: int = 0
    """Tokens of such a step; 0 for `pretrain.batch_tokens`."""
    text_tokens: int = 0
    """Blocks are read in pieces of so many tokens, each without what stands before it; 0 for whole
    ones."""

    def __post_init__(self) -> None:
        require_at_least(0, "pretrain.early", self, "steps", "batch_tokens", "text_tokens")


ONE_CLICK: Mapping[str, Any] = {
    "optimizer": "adamw",
    "loss": "whole",
    "key_tokens": [],
    "budget": "",
    "half_life_tokens": 0,
    "early": EarlyConfig(),
}
"""Settings of pretraining that transformers' Trainer has no other choice in."""


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Station 6: next-token training. Schedules count optimizer steps."""

    model: ModelConfig = field(default_factory=ModelConfig)
    bundle: str = ""
    """Folder of a llama-style bundle whose weights are trained on, in place of fresh ones of
    `model`; `default` is the one that ships."""
    seen_tokens: int = 0
    """Tokens of the packed corpus that the bundle was trained on already: left out at first."""
    steps: int = 1000
    """0 with a bundle keeps its weights."""
    loop: Literal["own", "transformers"] = "own"
    """own: this project's, which has all of these settings. transformers: its `Trainer`, one-click
    training, on the same blocks; by AdamW, with the plain loss and for a number of steps alone."""
    batch_tokens: int = 16_384
    """Tokens per optimizer step, over all processes and micro-batches."""
    micro_batch: int = 4
    """Blocks per forward pass and process."""
    early: EarlyConfig = field(default_factory=EarlyConfig)
    optimizer: Literal["adamw", "muon"] = "muon"
    learning_rate: float = 3e-3
    """Peak, of AdamW."""
    muon_learning_rate: float = 0.02
    """Peak, of Muon on the matrices of the blocks."""
    muon_momentum: float = 0.95
    weight_decay: float = 0.1
    """On matrices and embeddings; norms and biases are spared."""
    betas: tuple[float, float] = (0.9, 0.95)
    half_life_tokens: int = 0
    """Tokens after which AdamW's mean of squares has forgotten half, whatever the batch (Marek et
    al. 2025); 0 for `betas` as they stand."""
    schedule: Literal["wsd", "cosine"] = "wsd"
    warmup_steps: int = 50
    decay_share: float = 0.4
    """wsd: last share of the steps, over which the rate falls linearly to zero."""
    clip_norm: float = 1.0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Of matrix products. auto: bf16 on an accelerator; on a processor the one that it multiplies
    faster in, as measured in the first session."""
    loss: Literal["whole", "chunked"] = "whole"
    """chunked: the head's gradient is made a few rows at a time; a tenth faster on a processor."""
    attention: Literal["fp32", "bf16"] = "fp32"
    """Of scores and shares on a processor; bf16 is a quarter to a third faster where its products
    are, and learns as much."""
    compile: bool = False
    key_tokens: list[str] = field(default_factory=list)
    """The article's key-token weighted loss: more of these, more weight; empty is off."""
    key_token_weight: float = 1.0
    budget: str = ""
    """Wall time, such as 25m or 2h; the decay then ends on time. Empty: by steps."""
    eval_every: int = 100
    eval_blocks: int = 64
    checkpoint_every: int = 100
    keep_checkpoints: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(0 if self.bundle else 1, "pretrain", self, "steps")
        require_at_least(1, "pretrain", self, "micro_batch", "batch_tokens", "eval_every")
        require_at_least(1, "pretrain", self, "eval_blocks", "checkpoint_every", "keep_checkpoints")
        require_at_least(0, "pretrain", self, "warmup_steps", "seen_tokens", "half_life_tokens")
        parse_budget(self.budget)
        require(0 <= self.decay_share <= 1, "pretrain.decay_share", "0..1", self.decay_share)
        if self.loop == "transformers":
            for name, only in ONE_CLICK.items():
                found, expected = getattr(self, name), f"{only!r} with loop: transformers"
                require(found == only, f"pretrain.{name}", expected, repr(found))
