"""Developers as the plugins make them look: when each asks, for what, and how often they hang up.

Rates and shares are those of a load model for code completion: bursts of typing with pauses between
them, one request after each pause of the keys, and nearly half of them given up for the next key.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from time import perf_counter
from typing import Any

from lsp_server.bench.serve.http_client import Address, Connection, KeyRefused
from lsp_server.errors import BenchError

PREFIX_CHARACTERS = 3_500
"""Of a prompt: the median; the most is twice as many."""
SUFFIX_CHARACTERS = 900
TYPED = (2, 12)
"""Characters between two requests of a burst."""
BURST_SECONDS, PAUSE_SECONDS = 20.0, 40.0
BETWEEN_SECONDS = 1.7
"""Requests of a burst."""
GIVEN_UP = 0.45
"""Share of requests for which the client hangs up."""
PATIENCE = (0.05, 0.3)
"""Seconds until it does."""
ONE_LINE = 0.87
THINK_SECONDS = 0.12
"""Between answer and next request of a client that asks without waiting for a pause."""
CHUNKS, CHUNK_CHARACTERS = 16, 600
MIX = (("debounced", 0.70), ("llama.vim", 0.15), ("minuet", 0.10), ("tabby", 0.05))
"""Of a team's plugins."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what came of it."""

    seconds: float
    status: int
    """0 where the client hung up, -1 where the connection broke."""


@dataclass(slots=True)
class Developer:
    """One person at work."""

    plugin: str
    address: Address
    sources: Sequence[str]
    draw: Random
    prefix: int = PREFIX_CHARACTERS
    """Before the cursor: the median; at most twice as many."""
    path: str = "/v1/completions"
    asked: list[Asked] = field(default_factory=list)

    async def work(self, until: float) -> None:
        """Type in bursts until a moment of `perf_counter`."""
        await asyncio.sleep(self.draw.uniform(0, BURST_SECONDS + PAUSE_SECONDS) / 10)
        while perf_counter() < until:
            end = min(until, perf_counter() + self.draw.expovariate(1 / BURST_SECONDS))
            for prefix, suffix in self._typing():
                if perf_counter() >= end:
                    break
                await self._ask_as_plugin(prefix, suffix)
            pause = self.draw.expovariate(1 / PAUSE_SECONDS)
            await asyncio.sleep(max(0.0, min(pause, until - perf_counter())))

    def _typing(self) -> Iterator[tuple[str, str]]:
        """Text before and after a cursor that moves on as one types."""
        source = self.draw.choice(self.sources)
        length = int(self.prefix * min(2.0, self.draw.lognormvariate(0, 0.5)))
        at = self.draw.randrange(1, max(2, len(source) - SUFFIX_CHARACTERS))
        start, end = max(0, at - length), source.find("\n", at)
        suffix = source[end : end + SUFFIX_CHARACTERS] if end >= 0 else ""
        while at < len(source):
            yield source[start:at], suffix
            at += self.draw.randint(*TYPED)

    async def _ask_as_plugin(self, prefix: str, suffix: str) -> None:
        connection = Connection(self.address)
        try:
            if self.plugin == "llama.vim":
                await self._ask(connection, "/infill", self._infill(prefix, suffix))
                await asyncio.sleep(THINK_SECONDS)
                return
            if self.plugin == "minuet":
                others = [Connection(self.address) for _ in range(3)]
                body = self._completion(prefix, suffix)
                await asyncio.gather(*(self._ask(other, self.path, body) for other in others))
                for other in others:
                    other.close()
            elif self.plugin == "tabby":
                await self._ask_or_hang_up(connection, self.path, tabby(prefix, suffix))
                await self._tell(connection, {"type": "view", "completion_id": "c"})
            else:
                await self._ask_or_hang_up(connection, self.path, self._completion(prefix, suffix))
            await asyncio.sleep(self.draw.expovariate(1 / BETWEEN_SECONDS))
        finally:
            connection.close()

    def _completion(self, prefix: str, suffix: str) -> Mapping[str, Any]:
        stop = ["\n"] if self.draw.random() < ONE_LINE else []
        return {"prompt": prefix, "suffix": suffix, "max_tokens": 64, "stop": stop}

    def _infill(self, prefix: str, suffix: str) -> Mapping[str, Any]:
        source = self.draw.choice(self.sources)
        line = prefix.rfind("\n") + 1
        starts = range(0, min(len(source), CHUNKS * CHUNK_CHARACTERS), CHUNK_CHARACTERS)
        extra = [{"text": source[at : at + CHUNK_CHARACTERS], "filename": "o.py"} for at in starts]
        return {
            "input_prefix": prefix[:line],
            "prompt": prefix[line:],
            "input_suffix": suffix,
            "input_extra": extra,
            "n_predict": 128,
            "t_max_predict_ms": 250,
        }

    async def _ask_or_hang_up(
        self, connection: Connection, path: str, body: Mapping[str, Any]
    ) -> None:
        if self.draw.random() >= GIVEN_UP:
            await self._ask(connection, path, body)
            return
        begun = perf_counter()
        try:
            async with asyncio.timeout(self.draw.uniform(*PATIENCE)):
                await self._ask(connection, path, body)
        except TimeoutError:
            self.asked.append(Asked(perf_counter() - begun, 0))

    async def _ask(self, connection: Connection, path: str, body: Mapping[str, Any]) -> None:
        begun = perf_counter()
        try:
            status, _ = await connection.post(path, body)
        except KeyRefused:
            raise
        except BenchError:
            status = -1
        self.asked.append(Asked(perf_counter() - begun, status))

    async def _tell(self, connection: Connection, event: Mapping[str, Any]) -> None:
        with suppress(BenchError):
            await connection.post("/v1/events", event)


def tabby(prefix: str, suffix: str) -> Mapping[str, Any]:
    """A request as Tabby's plugins make it."""
    return {"language": "python", "segments": {"prefix": prefix, "suffix": suffix}}


def plugins_for(developers: int) -> list[str]:
    """Which plugin each of so many developers has: the mix, rounded, the most usual first."""
    found: list[str] = []
    for name, share in MIX:
        found += [name] * round(share * developers)
    return [*found, *[MIX[0][0]] * developers][:developers]
