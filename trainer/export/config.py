"""Settings of the stages `export` and `bundle`."""

from dataclasses import dataclass, field
from typing import Literal

from trainer.runtime.checks import require_at_least


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Station 7: ONNX graphs with an explicit KV cache; the gate that they are the same model."""

    precisions: list[Literal["int8", "int8_blocks", "int8_rows", "int4", "fp16"]] = field(
        default_factory=lambda: ["int8"]
    )
    """Graphs beside fp32; the first is what the bundle ships. `fp16` is for GPUs."""
    parity_prompts: int = 50
    parity_steps: int = 64
    exact_match_cursors: int = 1000
    """Held-out cursors over which a quantized graph is compared with fp32."""
    exact_match_tolerance: float = 2.0
    """Points of exact match that a quantized graph may lose: the 95 % interval's upper bound."""
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(1, "export", self, "parity_prompts", "parity_steps", "exact_match_cursors")
        require_at_least(0, "export", self, "exact_match_tolerance")


@dataclass(frozen=True, kw_only=True)
class BundleConfig:
    """Station 9: the folder that the server loads."""

    name: str = "lory"
    version: str = "0.1.0"
    languages: list[str] = field(default_factory=lambda: ["python"])
    notes: list[str] = field(default_factory=list)
    """Paragraphs that the card adds to the training's figures: what no stage can know."""
