"""Takes a person's request to an engine: limits, requests in flight, hanging up, figures."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from lsp_server.errors import EngineError
from lsp_server.http.completion import Completion, CompletionRequest, ModelFacts, completion_from
from lsp_server.http.config import ServeConfig
from lsp_server.http.engine.fleet import WAITED, Fleet, WaitedTooLong
from lsp_server.http.engine.starting import engine_start
from lsp_server.http.engine.worker import COMPLETE, DETOKENIZE, TOKENIZE
from lsp_server.http.operation.measures import Measures
from lsp_server.http.operation.traces import Traces, current_trail, open_traces
from lsp_server.http.people.figures import Day
from lsp_server.http.people.limits import Limits
from lsp_server.http.people.register import Person, Register
from lsp_server.http.refusal import Refusal

FAILED = "The engine failed"

Flight = tuple[str, CompletionRequest]
"""Whose request, and which."""


@dataclass(slots=True, eq=False)
class InFlight:
    """One request that an engine is asked for, and how many wait for its answer."""

    task: "asyncio.Task[Completion]"
    waiting: int = 0


class Service:
    """All methods run on the event loop's thread."""

    def __init__(
        self,
        config: ServeConfig,
        register: Register,
        fleet: Fleet,
        traces: Traces | None = None,
    ) -> None:
        self.config = config
        self.register = register
        self.fleet = fleet
        self.measures = Measures(fleet)
        self.traces = traces
        self.day = Day(lambda: datetime.now(UTC).date().isoformat())
        self.draining = False
        self.started = int(time.time())
        self._limits = Limits(config.concurrency, config.rate, config.burst, time.monotonic)
        self._in_flight: dict[Flight, InFlight] = {}

    @property
    def is_ready(self) -> bool:
        """Whether requests are answered."""
        return not self.draining and self.fleet.ready > 0

    @property
    def facts(self) -> ModelFacts:
        """What is told of the model; Refusal 503 while none is loaded."""
        facts = self.fleet.facts
        if facts is None:
            raise Refusal(503, "Loading model", retry_after=1)
        return facts

    async def complete(self, person: Person, request: CompletionRequest) -> Completion:
        """A completion; Refusal where there cannot be one. Cancelling it stops the engine, unless
        another waits for the same.
        """
        figures = self.day.of(person.name)
        begun = time.perf_counter()
        try:
            with self._limits.admit(person.owner):
                found = await self._join(person.owner, request)
        except Refusal as exc:
            figures.refused += exc.status in (429, 503)
            figures.failed += exc.status == 500
            raise
        except asyncio.CancelledError:
            figures.cancelled += 1
            self.measures.cancelled.inc()
            raise
        if trail := current_trail():
            trail.note(found)
        if not request.is_warm_up:
            figures.requests += 1
            figures.shown += bool(found.best.text)
            figures.milliseconds.append((time.perf_counter() - begun) * 1e3)
        self.measures.count(found)
        return found

    async def end(self) -> None:
        """End the engines, and hand over what is noted of requests."""
        await self.fleet.end()
        if self.traces is not None:
            await asyncio.to_thread(self.traces.close)

    async def tokenize(self, person: Person, text: str) -> list[int]:
        """Token ids of a text."""
        found = await self._run_small(person, {"kind": TOKENIZE, "text": text})
        ids: list[int] = found["ids"]
        return ids

    async def detokenize(self, person: Person, ids: list[int]) -> str:
        """The text of token ids."""
        found = await self._run_small(person, {"kind": DETOKENIZE, "ids": ids})
        return str(found["text"])

    async def _run_small(self, person: Person, job: dict[str, Any]) -> dict[str, Any]:
        with self._limits.admit(person.owner):
            self._refuse_overload(person.owner)
            try:
                return dict(await self.fleet.run(job, person.owner, ""))
            except EngineError as exc:
                raise self._refusal_of(exc) from exc

    async def _join(self, owner: str, request: CompletionRequest) -> Completion:
        """Wait for an answer, with whoever waits for the same."""
        key = owner, request
        flight = self._in_flight.get(key)
        if trail := current_trail():
            trail.asked, trail.joined = time.time_ns(), flight is not None
        if flight is None:
            self._refuse_overload(owner)
            task = asyncio.ensure_future(self._ask(owner, request))
            flight = self._in_flight[key] = InFlight(task)
            task.add_done_callback(self._landed(key))
        else:
            self.measures.joined.inc()
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                del self._in_flight[key]
                flight.task.cancel()

    def _landed(self, key: Flight) -> Callable[["asyncio.Task[Completion]"], None]:
        def forget(task: "asyncio.Task[Completion]") -> None:
            known = self._in_flight.get(key)
            if known is not None and known.task is task:
                del self._in_flight[key]
            if not task.cancelled():
                task.exception()  # whoever waited has been told

        return forget

    async def _ask(self, owner: str, request: CompletionRequest) -> Completion:
        job = {"kind": COMPLETE, "owner": owner, "request": request.as_json()}
        session = f"{owner}/{request.document or request.path}"
        warming = request.is_warm_up
        try:
            found = await self.fleet.run(job, owner, session, warming=warming)
        except EngineError as exc:
            raise self._refusal_of(exc) from exc
        values = found.get("completion")
        if values is None:
            return Completion()
        return replace(completion_from(values), waited=found[WAITED])

    def _refuse_overload(self, owner: str) -> None:
        """Refusal 503 where nobody can answer, or not soon enough."""
        if self.draining:
            raise Refusal(503, "The service ends", retry_after=1)
        if not self.fleet.ready:
            raise Refusal(503, "Loading model", retry_after=1)
        if self.fleet.expected_wait(owner) > self.config.longest_wait:
            raise self._shed()

    def _refusal_of(self, fault: EngineError) -> Refusal:
        return self._shed() if isinstance(fault, WaitedTooLong) else Refusal(500, FAILED)

    def _shed(self) -> Refusal:
        self.measures.shed.inc()
        return Refusal(503, "Too many requests wait already", retry_after=1)


def open_service(config: ServeConfig, register: Register) -> Service:
    """A service whose engines are still to be begun; `end` ends it."""
    fleet = Fleet(
        engine_start(config),
        config.engines,
        deadline=config.deadline,
        longest_wait=config.longest_wait,
    )
    return Service(config, register, fleet, open_traces())
