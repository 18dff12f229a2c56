"""Reads the server's own counters (`lory/statistics`) before and after a measurement.

Servers that announce no such request are measured without.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from time import monotonic, sleep
from typing import Any

from lsp_server.bench.client.handshake import ServerFacts
from lsp_server.bench.client.lsp_client import LspClient
from lsp_server.errors import BenchError

STATISTICS = "lory/statistics"
CAPABILITY = "loryStatistics"
SHORT_PREFILL = 16
"""Tokens read of a prompt that only a key press has changed, at most."""
PAUSE = 0.1
"""Seconds between two looks at what is read."""
QUICK = 5.0
"""Milliseconds for an answer from memory, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a server did; two periods' add up."""

    requests: int = 0
    from_memory: int = 0
    """Answered with the rest of an earlier suggestion."""
    quick_from_memory: int = 0
    """Of them, those within QUICK."""
    prompts: int = 0
    """Read by the engine, cached or not."""
    short_prompts: int = 0
    """Of them, those with at most SHORT_PREFILL tokens that were not cached."""
    prompt_tokens: int = 0
    tokens: int = 0
    """Written."""
    steps: int = 0
    """Runs of the model that wrote them."""
    drafted: int = 0
    accepted: int = 0

    def __add__(self, other: "Work") -> "Work":
        return self._combine(other, 1)

    def __sub__(self, other: "Work") -> "Work":
        return self._combine(other, -1)

    def _combine(self, other: "Work", sign: int) -> "Work":
        names = [item.name for item in fields(self)]
        return Work(**{n: getattr(self, n) + sign * getattr(other, n) for n in names})


def read_work(client: LspClient, facts: ServerFacts, timeout: float) -> Work | None:
    """What the server has done since its start; None where it does not tell.

    Raises BenchError where it announces that it tells, and then does not.
    """
    told = ask(client, facts, timeout)
    try:
        return None if told is None else work_of(told)
    except (AttributeError, KeyError, TypeError) as exc:
        raise BenchError(f"expected counters from {STATISTICS}, found {told!r:.200}") from exc


def ask(client: LspClient, facts: ServerFacts, timeout: float) -> Any:
    """The answer to `lory/statistics`; None where the server does not announce it.

    Raises BenchError where it announces it and answers with an error.
    """
    experimental = facts.capabilities.get("experimental")
    if not isinstance(experimental, Mapping) or not experimental.get(CAPABILITY):
        return None
    response = client.request(STATISTICS, None, timeout)
    if response.error is not None:
        raise BenchError(f"expected counters from {STATISTICS}, found {response.error.message!r}")
    return response.result


def wait_until_read(client: LspClient, facts: ServerFacts, timeout: float) -> None:
    """Return once a server that tells how far it has read the project has read all of it.

    A user types for hours in a project that is read once; a replay takes minutes. Raises BenchError
    where it takes longer than `timeout`, in seconds.
    """
    deadline = monotonic() + timeout
    while project := (ask(client, facts, timeout) or {}).get("project"):
        if project["whole"]:
            return
        if monotonic() > deadline:
            raise BenchError(
                f"expected {facts.name} to have read the project within {timeout:g} s, found "
                f"{project['files']} files read; allow more with --ready"
            )
        sleep(PAUSE)


def work_of(told: Mapping[str, Any]) -> Work:
    """The part of a server's counters that is shown; KeyError where one is missing."""
    engine = told["engine"]
    from_memory = {"requests": told["requests"], "from_memory": told["from_memory"]}
    quick = within(told["memory_ms"], QUICK)
    if engine is None:
        return Work(**from_memory, quick_from_memory=quick)
    return Work(
        **from_memory,
        quick_from_memory=quick,
        prompts=sum(engine["prefilled"]["counts"]),
        short_prompts=within(engine["prefilled"], SHORT_PREFILL),
        prompt_tokens=engine["prompt_tokens"],
        tokens=engine["tokens"],
        steps=engine["steps"],
        drafted=engine["drafted"],
        accepted=engine["accepted"],
    )


def within(histogram: Mapping[str, Any], bound: float) -> int:
    """How many of a histogram's values lie at or below one of its bounds."""
    pairs = zip(histogram["bounds"], histogram["counts"], strict=False)
    return sum(count for upper, count in pairs if upper <= bound)
