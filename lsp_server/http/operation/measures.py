"""What Prometheus reads: counts, sizes and times, by names that docs/team-server.md lists."""

from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from lsp_server.http.completion import Completion
from lsp_server.http.engine.fleet import Fleet

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)


class Measures:
    """The measures of one service, in a registry of their own."""

    def __init__(self, fleet: Fleet) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

        def make(kind: Any, name: str, text: str, labels: tuple[str, ...] = (), **more: Any) -> Any:
            return kind(name, text, labels, registry=self._registry, **more)

        self.requests = make(
            Counter, "lory_requests", "Requests by route and status.", ("route", "status")
        )
        self.seconds = make(
            Histogram,
            "lory_request_seconds",
            "Time to answer by route.",
            ("route",),
            buckets=SECONDS,
        )
        self.shown = make(Counter, "lory_shown", "Completions with a text.")
        self.accepted = make(Counter, "lory_accepted", "Completions that a client says were taken.")
        self.joined = make(Counter, "lory_joined", "Requests that waited for one like them.")
        self.cancelled = make(Counter, "lory_cancelled", "Requests whose client hung up.")
        self.shed = make(Counter, "lory_shed", "Requests refused because too many waited.")
        self.memory = make(Counter, "lory_from_memory", "Answers left of earlier ones.")
        self.tokens = make(
            Counter, "lory_tokens", "Tokens of prompts (prompt), read (read), written.", ("kind",)
        )
        running = make(Gauge, "lory_running", "Requests that an engine is at.")
        running.set_function(lambda: fleet.running)
        waiting = make(Gauge, "lory_waiting", "Requests that wait for an engine.")
        waiting.set_function(lambda: fleet.waiting)
        ready = make(Gauge, "lory_engines_ready", "Engine processes that can answer.")
        ready.set_function(lambda: fleet.ready)
        restarts = make(Gauge, "lory_engine_restarts", "Engine processes that were started again.")
        restarts.set_function(lambda: fleet.restarts)

    def count(self, found: Completion) -> None:
        """Count an answer."""
        self.shown.inc(bool(found.best.text))
        self.memory.inc(found.from_memory)
        self.tokens.labels("prompt").inc(found.prompt_tokens)
        self.tokens.labels("read").inc(found.read_tokens)
        self.tokens.labels("written").inc(found.written_tokens)

    def exposition(self) -> bytes:
        """All of them as Prometheus reads them."""
        return bytes(generate_latest(self._registry))
