"""Ends the session within two seconds, whatever still runs."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Timer
from typing import NoReturn

PATIENCE = 1.2
"""Seconds that answers, the engine and feedback have once the end was said."""


class Ending:
    """Whether the session is over; the process ends soon after, also if nothing else moves."""

    def __init__(self, loop: asyncio.AbstractEventLoop, exit_code: Callable[[], int]) -> None:
        self._loop = loop
        self._exit_code = exit_code
        self._said = asyncio.Event()
        self._lock = Lock()
        self._timer: Timer | None = None

    def begin(self) -> None:
        """The session is over."""
        self.expect()
        with suppress(RuntimeError):  # the event loop has ended already
            self._loop.call_soon_threadsafe(self._said.set)

    def expect(self) -> None:
        """The end will be said as soon as the event loop comes to it, if it does."""
        with self._lock:
            if self._timer is None:
                self._timer = Timer(PATIENCE, self._leave)
                self._timer.daemon = True
                self._timer.start()

    async def wait(self) -> None:
        """Return once the session is over."""
        await self._said.wait()

    def _leave(self) -> None:
        leave(self._exit_code())


def leave(code: int) -> NoReturn:
    """End the process at once: threads that wait or compute do not keep it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)
