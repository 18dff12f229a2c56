"""Counts requests, cache hits and latencies for `lory/statistics`; never text."""

from dataclasses import dataclass, field
from typing import Any

from lsp_server.engines.counters import EngineCounters, Histogram

MEMORY_BOUNDS = (0.5, 1, 2, 5, 10, 50)
"""Milliseconds."""


def memory_histogram() -> Histogram:
    """For milliseconds of an answer from memory."""
    return Histogram(MEMORY_BOUNDS)


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
