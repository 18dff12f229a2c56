"""Settings of the stage `evaluate`."""

from dataclasses import dataclass, field
from pathlib import Path

from trainer.runtime.checks import require, require_at_least


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Station 8: what the exported model is worth, each figure with its interval."""

    cursors: int = 400
    """Seeded cursor positions in held-out repositories."""
    humaneval: str = ""
    """A JSONL(.gz) file in HumanEval's columns, or a hub dataset's name; empty skips it."""
    infilling: list[str] = field(default_factory=list)
    """JSONL(.gz) files in HumanEval-Infilling's columns."""
    safim: list[str] = field(default_factory=list)
    """JSONL(.gz) files in SAFIM's columns."""
    snippets: int = 0
    """Of training text, and as many held out: how many does it write again by heart? 0 skips it."""
    problems: int = 0
    """Problems taken of each set, in seeded order; 0 for all."""
    samples: int = 10
    """Samples for each HumanEval problem; pass@k is given for k up to it."""
    temperature: float = 0.2
    top_p: float = 0.95
    solution_tokens: int = 256
    """Tokens of one HumanEval solution or infilled text at most."""
    timeout_seconds: float = 5.0
    """Of one program in the sandbox."""
    programs: int = 2
    """Programs that run side by side."""
    threads: int = 1
    """Of the engine."""
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("cursors", "samples", "solution_tokens", "programs", "threads")
        require_at_least(1, "evaluate", self, *counts)
        require_at_least(0, "evaluate", self, "problems", "temperature", "snippets")
        seconds = self.timeout_seconds
        require(seconds > 0, "evaluate.timeout_seconds", "more than 0", seconds)
        require(0 < self.top_p <= 1, "evaluate.top_p", "more than 0, at most 1", self.top_p)
        for key in ("infilling", "safim"):
            names = [Path(name).name for name in getattr(self, key)]
            require(len(set(names)) == len(names), f"evaluate.{key}", "different file names", names)
