"""Connections under a clock and a cap: one that sends slowly or says nothing is closed.

uvicorn has no deadline for a request that never becomes whole; its h11 protocol gets one here.
"""

import asyncio
from collections import Counter
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from lsp_server.http.config import ServeConfig

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"retry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
)
UNFINISHED = (h11.IDLE, h11.SEND_BODY)
"""What the other side is at while its request is not whole."""


class Connections:
    """How many are open, in all and by address."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count one more; whether there is room for it."""
        self._open[address] += 1
        return self._open.total() <= self._most and self._open[address] <= self._most_of_one

    def leave(self, address: str) -> None:
        """Count one less."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]


class GuardedConnection(H11Protocol):
    """One connection; `guarded` makes the class for one service."""

    head_seconds: ClassVar[float]
    idle_seconds: ClassVar[float]
    others: ClassVar[Connections]
    _clock: asyncio.TimerHandle | None = None
    _is_idle = False
    """Whether the clock runs between two requests."""
    _address = ""

    def connection_made(self, transport: Any) -> None:
        """Let it in, if there is room."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if self.others.enter(self._address):
            self._wind(self.head_seconds)
        else:
            transport.write(BUSY)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """A request that has begun must become whole in time."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state not in UNFINISHED:
            self._stop()
        elif self._clock is None or self._is_idle:
            self._wind(self.head_seconds)

    def on_response_complete(self) -> None:
        """The next request may take its time to begin."""
        super().on_response_complete()
        if self.conn.their_state in UNFINISHED and not self.transport.is_closing():
            self._wind(self.idle_seconds)
            self._is_idle = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It counts no more."""
        self._stop()
        self.others.leave(self._address)
        super().connection_lost(exc)

    def _wind(self, seconds: float) -> None:
        self._stop()
        self._is_idle = False
        self._clock = self.loop.call_later(seconds, self._ring)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _ring(self) -> None:
        self._clock = None
        if not self.transport.is_closing():
            self.transport.abort()


def guarded(config: ServeConfig) -> type[GuardedConnection]:
    """uvicorn's protocol, within the limits of a service."""
    limits = {
        "head_seconds": config.head_seconds,
        "idle_seconds": config.idle_seconds,
        "others": Connections(config.connections, config.connections_per_address),
    }
    return type("ServiceConnection", (GuardedConnection,), limits)
