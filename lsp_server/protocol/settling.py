"""Holds requests back until the settings are known, or are not coming."""

import asyncio
from contextlib import suppress

from lsp_server.completion.read_policy import UNSETTLED
from lsp_server.completion.worker.pending import State, Status

PATIENCE_FOR_BEGINNING = 10.0
"""Seconds that a request waits for `initialized`; for settings `lifecycle.py` has less."""


class Settling:
    """From `initialize` until it is known what may be read."""

    def __init__(self, status: Status) -> None:
        self.serving = False
        """Whether it is known what may be read."""
        self._status = status
        self._settled = asyncio.Event()

    @property
    def given_up(self) -> bool:
        """Whether requests are answered with nothing, as the settings have not come."""
        return self._settled.is_set() and not self.serving

    def serve(self) -> None:
        """It is known what may be read."""
        self.serving = True
        self._settled.set()

    def give_up(self) -> None:
        """The settings do not come: nothing is read or suggested until they do."""
        if not self.serving:
            self._settled.set()
            self._status.show(State("off", 100, f"nothing is read: {UNSETTLED.reason}"))

    async def wait(self) -> None:
        """Return once requests are answered; a client that never begins gets nothing for them."""
        if not self._settled.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), PATIENCE_FOR_BEGINNING)
        if not self._settled.is_set():
            self.give_up()
