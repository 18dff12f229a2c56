"""What is counted: takes what the completer and an engine did, gives plain numbers; no texts."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

PREFILL_BOUNDS = (1, 4, 16, 64, 256, 1024)
"""Tokens."""
MEMORY_BOUNDS = (0.5, 1, 2, 5, 10, 50)
"""Milliseconds."""


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


def memory_histogram() -> Histogram:
    """For milliseconds of an answer from memory."""
    return Histogram(MEMORY_BOUNDS)


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


@dataclass(slots=True, kw_only=True)
class Counters:
    """What became of requests since the server's start; on the event loop's thread."""

    requests: int = 0
    from_memory: int = 0
    """Answered with what is left of earlier candidates."""
    memory_ms: Histogram = field(default_factory=memory_histogram)
    """How long each of those took, in milliseconds."""
    joined: int = 0
    """Waited for the answer to an earlier request at the same place."""
    superseded: int = 0
    """Answered with null."""
    cancelled: int = 0
    """By the client."""
    engine_runs: int = 0
    """Requests that the engine began to answer."""

    def as_json(self, engine: EngineCounters | None) -> dict[str, Any]:
        """Plain values, with those of the engine that is loaded, if it counts."""
        return {
            "requests": self.requests,
            "from_memory": self.from_memory,
            "memory_ms": self.memory_ms.as_json(),
            "joined": self.joined,
            "superseded": self.superseded,
            "cancelled": self.cancelled,
            "engine_runs": self.engine_runs,
            "engine": None if engine is None else engine.as_json(),
        }
