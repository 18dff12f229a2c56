"""Lets a team work against a service for a while, and sums up what came of it."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter

from rich.table import Table

from lsp_server.bench.serve.developers import (
    PREFIX_CHARACTERS,
    Asked,
    Developer,
    plugins_for,
)
from lsp_server.bench.serve.http_client import Address, Connection
from lsp_server.contract.intervals import percentiles
from lsp_server.errors import BenchError

SHED = (429, 503)
MEMORY = re.compile(rb"^process_resident_memory_bytes (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamConfig:
    """One run."""

    address: Address
    developers: int = 10
    seconds: float = 60.0
    seed: int = 0
    plugin: str = ""
    """All developers have it; "" for the usual mix."""
    prefix: int = PREFIX_CHARACTERS
    """Characters before the cursor: the median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamFigures:
    """What came of a run; times in milliseconds."""

    developers: int
    seconds: float
    answered: int
    p50: float
    p95: float
    p99: float
    shed: int
    shed_p95: float
    hung_up: int
    failed: int
    """Any other status, and connections that broke."""
    megabytes: tuple[float, float]
    """That the service's own process holds before and after; 0 where it does not tell."""

    @property
    def per_second(self) -> float:
        """Requests that were answered."""
        return self.answered / self.seconds


def read_sources(folder: Path) -> list[str]:
    """Python files that developers type in."""
    texts = [path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*.py"))[:200]]
    found = [text for text in texts if len(text) > 4_000]
    if not found:
        raise BenchError(f"expected Python files of 4,000 characters and more in {folder}")
    return found


def measure_team(config: TeamConfig, sources: Sequence[str]) -> TeamFigures:
    """Let the developers work. BenchError where nothing answers."""
    return asyncio.run(run(config, sources))


async def run(config: TeamConfig, sources: Sequence[str]) -> TeamFigures:
    """The same on a running event loop."""
    names = [config.plugin] * config.developers if config.plugin else plugins_for(config.developers)
    team = [
        Developer(name, config.address, sources, Random(f"{config.seed}-{number}"), config.prefix)
        for number, name in enumerate(names)
    ]
    before = await memory_of(config.address)
    begun = perf_counter()
    await asyncio.gather(*(each.work(begun + config.seconds) for each in team))
    seconds = perf_counter() - begun
    after = await memory_of(config.address)
    asked = [each for developer in team for each in developer.asked]
    return sum_up(config.developers, seconds, asked, before, after)


async def memory_of(address: Address) -> float:
    """Megabytes that the service says that it holds. BenchError where nobody answers."""
    connection = Connection(address)
    try:
        _, content = await connection.get("/metrics")
    finally:
        connection.close()
    found = MEMORY.search(content)
    return float(found[1]) / 1e6 if found else 0.0


def sum_up(
    developers: int, seconds: float, asked: Sequence[Asked], before: float, after: float
) -> TeamFigures:
    """Figures of all requests."""
    statuses = Counter(each.status for each in asked)
    answered = [each.seconds * 1e3 for each in asked if each.status == 200]
    shed = [each.seconds * 1e3 for each in asked if each.status in SHED]
    p50, p95, p99 = percentiles(answered, 0.5, 0.95, 0.99)
    known = {0, 200, *SHED}
    return TeamFigures(
        developers=developers,
        seconds=seconds,
        answered=len(answered),
        p50=p50,
        p95=p95,
        p99=p99,
        shed=len(shed),
        shed_p95=percentiles(shed, 0.95)[0],
        hung_up=statuses[0],
        failed=sum(count for status, count in statuses.items() if status not in known),
        megabytes=(before, after),
    )


def team_table(runs: Sequence[TeamFigures]) -> Table:
    """A row for each run."""
    table = Table(title="times in milliseconds")
    names = ("people", "per s", "p50", "p95", "p99", "refused", "in", "hung up", "failed")
    for name in (*names, "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in runs:
        table.add_row(
            str(each.developers),
            f"{each.per_second:.1f}",
            *(f"{value:.0f}" for value in (each.p50, each.p95, each.p99)),
            str(each.shed),
            f"{each.shed_p95:.0f}",
            str(each.hung_up),
            str(each.failed),
            f"{each.megabytes[0]:.0f}-{each.megabytes[1]:.0f}",
        )
    return table
