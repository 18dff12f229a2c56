"""Requests that wait for an engine: people take turns, and what only warms up comes last."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from lsp_server.http.engine.link import Job

PEOPLE = 10_000
"""Of whom it is known when they were served."""
HOME_PATIENCE = 0.03
"""Seconds that a request waits for the engine that knows its prompt; reading the prompt anew on
another takes about twice as long."""


@dataclass(slots=True, eq=False)
class Waiting:
    """One job with who waits for it."""

    job: Job
    owner: str
    """Whose turn it uses."""
    session: str
    """What an engine may know the prompt of; "" for none."""
    since: float
    """By the event loop's clock."""
    warming: bool = False
    answer: "asyncio.Future[dict[str, object]]" = field(kw_only=True)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


class Queue:
    """Who waits, by person."""

    def __init__(self) -> None:
        self._people: dict[str, deque[Waiting]] = {}
        self._served: OrderedDict[str, int] = OrderedDict()
        """When each person was served last, counted in requests."""
        self._count = 0
        self._warming: OrderedDict[str, Waiting] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._people.values()))

    def __bool__(self) -> bool:
        return bool(self._people or self._warming)

    def add(self, waiting: Waiting) -> Waiting | None:
        """Let a job wait; gives an older warm-up of its session, which is not wanted any more."""
        if waiting.warming:
            older = self._warming.pop(waiting.session, None)
            self._warming[waiting.session] = waiting
            return older
        self._people.setdefault(waiting.owner, deque()).append(waiting)
        return None

    def take(self, engine: int, homes: dict[str, int], now: float) -> Waiting | None:
        """The next job for an engine; None where all wait for another one that knows them."""
        for waiting in self._candidates():
            home = homes.get(waiting.session, engine)
            if home == engine or now - waiting.since >= HOME_PATIENCE:
                self.remove(waiting)
                self._note(waiting.owner)
                return waiting
        return None

    def _candidates(self) -> Iterator[Waiting]:
        for owner in sorted(self._people, key=self._last_served):
            yield self._people[owner][0]
        if not self._people:
            yield from list(self._warming.values())

    def remove(self, waiting: Waiting) -> None:
        """A job waits no more."""
        if waiting.warming:
            if self._warming.get(waiting.session) is waiting:
                del self._warming[waiting.session]
            return
        jobs = self._people.get(waiting.owner)
        if jobs is None or waiting not in jobs:
            return
        jobs.remove(waiting)
        if not jobs:
            del self._people[waiting.owner]

    def ahead_of(self, owner: str) -> int:
        """How many jobs come before one that a person would add now."""
        last = self._last_served(owner)
        others = sum(self._last_served(name) < last for name in self._people)
        return others + len(self._people.get(owner, ()))

    def _last_served(self, owner: str) -> int:
        return self._served.get(owner, 0)

    def _note(self, owner: str) -> None:
        """A person has been served."""
        self._count += 1
        self._served[owner] = self._count
        self._served.move_to_end(owner)
        if len(self._served) > PEOPLE:
            self._served.popitem(last=False)

    def clear(self) -> list[Waiting]:
        """Everything that waited."""
        found = [waiting for jobs in self._people.values() for waiting in jobs]
        found += self._warming.values()
        self._people.clear()
        self._warming.clear()
        return found
