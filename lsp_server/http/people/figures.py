"""What became of each person's requests today: sizes and times, never text."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from lsp_server.contract.intervals import percentiles

LATEST = 500
"""Times of one person that percentiles are taken from."""
PEOPLE = 10_000


@dataclass(slots=True)
class Figures:
    """One person's day."""

    requests: int = 0
    shown: int = 0
    """Answered with a text; where a dialect tells what it showed, it is counted there."""
    accepted: int = 0
    """As far as a dialect tells."""
    refused: int = 0
    failed: int = 0
    cancelled: int = 0
    milliseconds: deque[float] = field(default_factory=lambda: deque(maxlen=LATEST))

    def quantile(self, share: float) -> float:
        """Milliseconds that so many of the latest answers took at most; 0 before the first."""
        return percentiles(self.milliseconds, share)[0]


class Day:
    """Everybody's figures since midnight; `today` tells which day it is."""

    def __init__(self, today: Callable[[], str]) -> None:
        self._today = today
        self._day = today()
        self._people: dict[str, Figures] = {}

    @property
    def people(self) -> dict[str, Figures]:
        """By name."""
        self._turn()
        return self._people

    @property
    def day(self) -> str:
        """The day they are of."""
        self._turn()
        return self._day

    def of(self, name: str) -> Figures:
        """One person's figures, to be added to."""
        self._turn()
        if name not in self._people and len(self._people) >= PEOPLE:
            return Figures()
        return self._people.setdefault(name, Figures())

    def _turn(self) -> None:
        if (day := self._today()) != self._day:
            self._day, self._people = day, {}
