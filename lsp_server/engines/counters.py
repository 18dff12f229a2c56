"""Counts the engine's work."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

PREFILL_BOUNDS = (1, 4, 16, 64, 256, 1024)
"""Tokens."""


@dataclass(slots=True)
class Histogram:
    """How many values lay at or below each bound and above the one before it."""

    bounds: Sequence[float]
    counts: list[int] = field(init=False)
    """One for each bound, and one for all that is larger than the last."""
    largest: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.largest = max(self.largest, value)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "bounds": list(self.bounds),
            "counts": list(self.counts),
            "largest": self.largest,
        }


def prefill_histogram() -> Histogram:
    """For tokens of one prompt that had to be read."""
    return Histogram(PREFILL_BOUNDS)


@dataclass(slots=True, kw_only=True)
class EngineCounters:
    """What an engine has done since it was loaded; written on its thread, read from any."""

    prompt_tokens: int = 0
    """Of all prompts."""
    prefilled: Histogram = field(default_factory=prefill_histogram)
    """Tokens of each prompt that were not cached and had to be read."""
    tokens: int = 0
    """Written."""
    steps: int = 0
    """Runs of the model that tokens came from, the last one that read a prompt among them: without
    speculation there are as many as tokens."""
    drafted: int = 0
    """Tokens that speculation proposed."""
    accepted: int = 0
    """Of them, those that the model would have written itself."""

    def count_prompt(self, tokens: int, read: int) -> None:
        """Count a prompt, and how many of its tokens were not cached."""
        self.prompt_tokens += tokens
        self.prefilled.add(read)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "prefilled": self.prefilled.as_json(),
            "tokens": self.tokens,
            "steps": self.steps,
            "drafted": self.drafted,
            "accepted": self.accepted,
        }
