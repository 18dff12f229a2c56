"""Keeps a service's engine processes alive, shares the requests out, and swaps the bundle."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lsp_server.errors import EngineError
from lsp_server.http.completion import ModelFacts
from lsp_server.http.engine.link import EngineProcess, EngineStart, Job
from lsp_server.http.engine.queue import HOME_PATIENCE, Queue, Waiting

SESSIONS = 4096
"""Of which it is known which engine has read their prompt."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds before an engine that has died is started again: twice as many each time it fails."""
WAITED = "waited"
"""In what a job comes to: milliseconds until an engine began with it."""
SHARE_OF_LATEST = 0.1
"""How much the latest job counts in the mean duration of one."""

SLACK = 2.0
"""How much longer than the longest wait a request may wait that was let in: what is expected is a
mean, and without it half of those who are let in at the limit would wait in vain."""

log = logging.getLogger(__name__)


class WaitedTooLong(EngineError):
    """No engine has been free for a request in time."""


@dataclass(slots=True, eq=False)
class Lane:
    """A place for one engine process."""

    number: int
    engine: EngineProcess | None = None
    busy: bool = False
    keeper: "asyncio.Task[None] | None" = None
    failures: int = 0


class Fleet:
    """All methods run on the event loop's thread."""

    def __init__(
        self, start: EngineStart, engines: int, *, deadline: float, longest_wait: float
    ) -> None:
        self._start = start
        self._deadline = deadline
        self._longest_wait = longest_wait
        self._lanes = [Lane(number) for number in range(engines)]
        self._queue = Queue()
        self._homes: OrderedDict[str, int] = OrderedDict()
        self._seconds = 0.05
        """Of one job, on average."""
        self._watchers: set[asyncio.Task[None]] = set()
        self._ended = False
        self.restarts = 0
        """Engines that died and were started again."""

    @property
    def ready(self) -> int:
        """Engines that can take a job or are at one."""
        return sum(lane.engine is not None and lane.engine.is_alive for lane in self._lanes)

    @property
    def running(self) -> int:
        """Jobs that an engine is at."""
        return sum(lane.busy for lane in self._lanes)

    @property
    def waiting(self) -> int:
        """Jobs that wait, without those that only warm up."""
        return len(self._queue)

    @property
    def facts(self) -> ModelFacts | None:
        """What is told of the model; None while none is loaded."""
        return next((lane.engine.facts for lane in self._lanes if lane.engine), None)

    @property
    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [lane.engine.pid for lane in self._lanes if lane.engine]

    def expected_wait(self, owner: str) -> float:
        """Seconds until a job of a person that came now would begin."""
        if self.running < self.ready:
            return 0.0
        return (self._queue.ahead_of(owner) + 1) * self._seconds / max(self.ready, 1)

    async def begin(self) -> None:
        """Start all engines; EngineError where one does not start."""
        started = await start_all(self._start, len(self._lanes))
        for lane, engine in zip(self._lanes, started, strict=True):
            self._install(lane, engine)

    async def replace(self, start: EngineStart) -> None:
        """Put other engines in the place of these, which finish what they are at.

        EngineError where the new ones do not all start; then these stay.
        """
        started = await start_all(start, len(self._lanes))
        self._start = start
        self._homes.clear()
        for lane, engine in zip(self._lanes, started, strict=True):
            old, busy = lane.engine, lane.busy
            self._install(lane, engine)
            if old is not None and not busy:
                await old.kill()

    async def end(self) -> None:
        """Kill all engines; what waits is told so."""
        self._ended = True
        for waiting in self._queue.clear():
            if not waiting.answer.done():
                waiting.answer.set_exception(EngineError("the service ends"))
        for lane in self._lanes:
            if lane.keeper is not None:
                lane.keeper.cancel()
            if lane.engine is not None:
                await lane.engine.kill()

    async def run(
        self, job: Job, owner: str, session: str, *, warming: bool = False
    ) -> Mapping[str, Any]:
        """What a job comes to. EngineError where it fails. Cancelling it stops the engine."""
        loop = asyncio.get_running_loop()
        waiting = Waiting(job, owner, session, loop.time(), warming, answer=loop.create_future())
        older = self._queue.add(waiting)
        if older is not None and not older.answer.done():
            older.answer.set_result({"cancelled": True})
        self._dispatch()
        if not waiting.answer.done():
            loop.call_later(HOME_PATIENCE + 0.001, self._dispatch)
        try:
            return await waiting.answer
        finally:
            waiting.cancelled.set()
            self._queue.remove(waiting)

    def _dispatch(self) -> None:
        """Give idle engines their next jobs."""
        now = asyncio.get_running_loop().time()
        for lane in self._lanes:
            if lane.engine is None or lane.busy or not self._queue:
                continue
            waiting = self._next(lane, now)
            if waiting is not None:
                lane.busy = True
                lane.keeper = asyncio.ensure_future(self._serve(lane, lane.engine, waiting))

    def _next(self, lane: Lane, now: float) -> Waiting | None:
        """The next job for an idle engine; those that have waited too long are told so."""
        while (waiting := self._queue.take(lane.number, self._homes, now)) is not None:
            if waiting.warming or now - waiting.since <= SLACK * self._longest_wait:
                return waiting
            if not waiting.answer.done():
                waiting.answer.set_exception(WaitedTooLong("a request has waited too long"))
        return None

    async def _serve(self, lane: Lane, engine: EngineProcess, waiting: Waiting) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._settle(waiting.session, lane.number)
        try:
            found = await engine.run(waiting.job, self._deadline, waiting.cancelled)
            if not waiting.answer.done():
                waiting.answer.set_result({**found, WAITED: (begun - waiting.since) * 1e3})
        except EngineError as exc:
            if not waiting.answer.done():
                waiting.answer.set_exception(exc)
        self._seconds += SHARE_OF_LATEST * (loop.time() - begun - self._seconds)
        if lane.engine is not engine:  # another bundle has been put in its place meanwhile
            await engine.kill()
        lane.busy = False
        if not engine.is_alive and lane.engine is engine:
            lane.engine = None
            self._revive(lane)
        self._dispatch()

    def _settle(self, session: str, number: int) -> None:
        """Note which engine knows a session's prompt."""
        if not session:
            return
        self._homes[session] = number
        self._homes.move_to_end(session)
        if len(self._homes) > SESSIONS:
            self._homes.popitem(last=False)

    def _install(self, lane: Lane, engine: EngineProcess) -> None:
        lane.engine, lane.failures = engine, 0
        self._watch(lane, engine)
        if not lane.busy:
            self._dispatch()

    def _watch(self, lane: Lane, engine: EngineProcess) -> None:
        """Notice that an idle engine has died, too."""

        async def wait() -> None:
            await engine.wait()
            if lane.engine is engine and not lane.busy and not self._ended:
                lane.engine = None
                self._revive(lane)

        task = asyncio.ensure_future(wait())
        self._watchers = {task, *(other for other in self._watchers if not other.done())}

    def _revive(self, lane: Lane) -> None:
        """Start a dead lane's engine again, later and later while that fails."""
        if self._ended:
            return
        self.restarts += 1
        log.error("an engine process has ended; it is started again")
        lane.keeper = asyncio.ensure_future(self._start_again(lane))

    async def _start_again(self, lane: Lane) -> None:
        while lane.engine is None and not self._ended:
            try:
                engine = await EngineProcess.start(self._start)
            except EngineError as exc:
                pause = min(FIRST_PAUSE * 2**lane.failures, LONGEST_PAUSE)
                lane.failures += 1
                log.error("an engine process does not start: %s", exc)
                await asyncio.sleep(pause)
                continue
            if lane.engine is None and not self._ended:
                self._install(lane, engine)
            else:  # another bundle's engine has been put there meanwhile
                await engine.kill()


async def start_all(start: EngineStart, engines: int) -> list[EngineProcess]:
    """As many engines; EngineError, and none of them, where one does not start."""
    tasks = [asyncio.ensure_future(EngineProcess.start(start)) for _ in range(engines)]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    faults = [each for each in found if isinstance(each, BaseException)]
    started = [each for each in found if isinstance(each, EngineProcess)]
    if not faults:
        return started
    for engine in started:
        with suppress(ProcessLookupError):
            await engine.kill()
    raise faults[0]
