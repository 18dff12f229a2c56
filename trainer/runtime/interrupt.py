"""Turns Ctrl-C and SIGTERM into a flag that loops check between steps."""

import signal
import time
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)

INSIST_SECONDS = 1.0
"""A second signal within this time is the same one, passed on by a launcher of processes."""


class StopRequest:
    """Context in which a first signal only sets `asked`; a later one does what it did before."""

    def __init__(self) -> None:
        self.asked = False
        self._asked_at = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.asked and now - self._asked_at > INSIST_SECONDS:
            self._restore()
            signal.raise_signal(number)
        if not self.asked:
            self.asked, self._asked_at = True, now

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(self, *_exception: object) -> None:
        self._restore()
