"""How soon a service answers after its start: what one that scales to zero makes people wait."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.table import Table

from lsp_server.bench.latency.start import spread_table
from lsp_server.bench.serve.http_client import Address, Connection
from lsp_server.bench.serve.side_by_side import BODY, PATH
from lsp_server.errors import BenchError

COMMAND = (sys.executable, "-m", "lsp_server", "serve", "--port", "0")
LISTENING = re.compile(r"listening on http://[^/]*:(\d+)")
"""What a service says of its port."""
PATIENCE = 60.0
"""Seconds from the port to the first completion."""
BETWEEN_SECONDS = 0.01
"""Two looks at whether it is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStart:
    """One start, in seconds from the process's beginning."""

    listening: float
    ready: float
    """Until `/readyz` says 200."""
    completed: float
    """Until the first completion has come."""


def measure_service_starts(starts: int) -> list[ServiceStart]:
    """So many starts of `lory serve` on a free port, one after another, without keys."""
    return [measure_service_start() for _ in range(starts)]


def measure_service_start(
    command: Sequence[str] = COMMAND, patience: float = PATIENCE
) -> ServiceStart:
    """One start; BenchError where it ends, or does not answer in time."""
    begun = perf_counter()
    with (
        TemporaryDirectory() as state,
        subprocess.Popen(
            [*command, "--state", state], stderr=subprocess.PIPE, text=True
        ) as service,
    ):
        try:
            address = Address("127.0.0.1", port_of(service))
            listening = perf_counter() - begun
            ready, completed = asyncio.run(first_answers(address, begun, patience))
            return ServiceStart(listening=listening, ready=ready, completed=completed)
        finally:
            service.kill()


async def first_answers(address: Address, begun: float, patience: float) -> tuple[float, float]:
    """Seconds since `begun` when a service is ready, and when it has completed once."""
    connection = Connection(address)
    try:
        async with asyncio.timeout(patience):
            while (await connection.get("/readyz"))[0] != 200:
                await asyncio.sleep(BETWEEN_SECONDS)
            ready = perf_counter() - begun
            status, _ = await connection.post(PATH, BODY)
    except TimeoutError as exc:
        raise BenchError(
            f"expected a service that completes within {patience:g} s, found none; "
            "start lory serve by hand to see what it says"
        ) from exc
    finally:
        connection.close()
    if status != 200:
        raise BenchError(
            f"expected a completion, found status {status}; start lory serve by hand to see "
            "what it says"
        )
    return ready, perf_counter() - begun


def port_of(service: "subprocess.Popen[str]") -> int:
    """The port that a service says it listens on; BenchError where it ends without a word of it."""
    said = ""
    for line in service.stderr or ():
        if found := LISTENING.search(line):
            return int(found[1])
        said = line.strip() or said
    raise BenchError(f"expected a service that listens, found one that ended: {said}; mend that")


def service_starts_table(starts: Sequence[ServiceStart]) -> Table:
    """Median, best and worst of the starts."""
    rows = {
        "it listens": [start.listening for start in starts],
        "it is ready": [start.ready for start in starts],
        "the first completion": [start.completed for start in starts],
    }
    return spread_table("seconds until", f"{len(starts)} starts", rows)
