"""Short runs of the pretrain stage, and what is read of their folders."""

import json
from pathlib import Path
from typing import Any

from trainer.model.config import ModelConfig
from trainer.pretraining.config import PretrainConfig


def short_settings(**values: Any) -> PretrainConfig:
    """Settings of a run of eight steps but for what is given."""
    defaults: dict[str, Any] = {
        "model": ModelConfig(preset="tiny", context=64),
        "steps": 8,
        "batch_tokens": 512,
        "micro_batch": 4,
        "warmup_steps": 2,
        "eval_every": 4,
        "eval_blocks": 6,
        "checkpoint_every": 3,
        "keep_checkpoints": 10,
    }
    return PretrainConfig(**{**defaults, **values})


def read_metrics(out: Path) -> list[dict[str, float]]:
    """The lines of a run's metrics."""
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def weights(out: Path) -> bytes:
    """The file of a run's model."""
    return (out / "model" / "model.safetensors").read_bytes()
