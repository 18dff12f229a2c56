"""What stands between client and service costs: two services are asked the same, in turn."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from rich.table import Table

from lsp_server.bench.serve.http_client import Address, Connection
from lsp_server.contract.intervals import percentiles
from lsp_server.errors import BenchError

PATH = "/v1/completions"
BODY = {
    "prompt": "import os\n\n\ndef names(folder):\n    return sorted(os.lis",
    "min_probability": 0,
}
"""Answered from memory but for the first time, so that the model's time is not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """One service; times in milliseconds."""

    port: int
    requests: int
    p50: float
    p95: float


def ask_in_turn(addresses: Sequence[Address], requests: int) -> list[Repeated]:
    """Ask each service so often, each on one connection. BenchError where one does not answer."""
    return asyncio.run(ask_all(addresses, requests))


async def ask_all(addresses: Sequence[Address], requests: int) -> list[Repeated]:
    """The same on a running event loop."""
    connections = [Connection(address) for address in addresses]
    times: list[list[float]] = [[] for _ in addresses]
    try:
        for _ in range(requests):
            for connection, own in zip(connections, times, strict=True):
                begun = perf_counter()
                status, _ = await connection.post(PATH, BODY)
                own.append((perf_counter() - begun) * 1e3)
                if status != 200:
                    raise BenchError(
                        f"expected an answer, found status {status}; start the services with "
                        "--rate 10000 --burst 10000"
                    )
    finally:
        for connection in connections:
            connection.close()
    quantiles = [percentiles(own, 0.5, 0.95) for own in times]
    return [
        Repeated(port=address.port, requests=requests, p50=p50, p95=p95)
        for address, (p50, p95) in zip(addresses, quantiles, strict=True)
    ]


def side_table(found: Sequence[Repeated]) -> Table:
    """A row for each service."""
    table = Table(title="the same request, times in milliseconds")
    for name in ("port", "requests", "p50", "p95"):
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(str(each.port), str(each.requests), f"{each.p50:.2f}", f"{each.p95:.2f}")
    return table
