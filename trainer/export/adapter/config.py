"""The settings of an adapter's training."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """How an adapter is learned."""

    steps: int = 2000
    rank: int = 16
    batch: int = 4
    """Samples of a step."""
    rate: float = 6e-4
    """Of AdamW; it rises for WARM_UP steps and falls in a line to zero."""
    seed: int = 0
