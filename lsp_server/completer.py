"""Completes: takes a cursor, gives candidates to show; supersedes, cancels and remembers.

All methods run on the event loop's thread; the engine works on the worker's thread. No lock is held
while it does, so edits and other requests go on meanwhile. What runs the model is imported when it
is loaded: an editor waits for the answer to `initialize`.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from lsp_server.context import Cursor
from lsp_server.counters import Counters
from lsp_server.engines import Candidate, Counts
from lsp_server.errors import LoryError
from lsp_server.plugin_guard import PluginGuard, one_line
from lsp_server.settings import Settings
from lsp_server.suggestion_cache import SuggestionCache
from lsp_server.worker import Worker

if TYPE_CHECKING:
    from lsp_server.loading import Model
    from lsp_server.project.following import Following
    from lsp_server.project.workspace import Workspace

PATIENCE_AT_END = 1.0
"""Seconds that a running engine has to stop between two tokens."""

log = logging.getLogger(__name__)

Answer = asyncio.Future[list[Candidate] | None]


class Status(Protocol):
    """Who is told what the engine is doing; called on the event loop's thread."""

    def show(self, state: str, percent: int, message: str) -> None:
        """`state` is loading, ready, off or error."""
        ...


@dataclass(slots=True, eq=False)
class Pending:
    """A cursor without an answer yet; ghost text and menu may both wait for it."""

    cursor: Cursor
    epoch: int
    answer: Answer
    cancelled: Event = field(default_factory=Event)
    waiting: int = 0

    def serves(self, cursor: Cursor, epoch: int) -> bool:
        """Whether another cursor may wait for this answer: the same place, asked no less of."""
        own = replace(self.cursor, invoked=self.cursor.invoked and cursor.invoked)
        return (own, self.epoch) == (cursor, epoch)


class Completer:
    """The one place that knows which request of a document is the current one."""

    def __init__(self, status: Status, guard: PluginGuard, workspace: "Workspace") -> None:
        self._status = status
        self._guard = guard
        self._workspace = workspace
        self._worker = Worker()
        self._cache = SuggestionCache()
        self._pending: dict[str, Pending] = {}
        self._settings = Settings()
        self._model: Model | None = None
        self._following: Following | None = None
        self._epoch = 0
        """Counts changes of settings: what was begun before the last one is not remembered."""
        self._loads = 0
        """The epoch that the latest load belongs to."""
        self._counters = Counters()

    def statistics(self) -> dict[str, Any]:
        """What has been counted, in plain values."""
        model = self._model
        engine = model.engine if model is not None else None
        counted = self._counters.as_json(engine.counters if isinstance(engine, Counts) else None)
        project = model.project if model is not None else None
        return {**counted, "project": None if project is None else project.as_json()}

    def load(self, settings: Settings) -> None:
        """Load the model of these settings in the background; requests wait for it."""
        self.apply(settings)
        self._status.show("loading", 0, "starting")
        loop = asyncio.get_running_loop()
        self._loads = self._epoch
        self._worker.submit_first(partial(self._load, settings, self._epoch, loop))

    def apply(self, settings: Settings) -> None:
        """Take settings that need no other model."""
        self._settings = settings
        self._epoch += 1
        self._cache.clear()

    def unload(self, settings: Settings) -> None:
        """Forget the model."""
        self.apply(settings)
        self._loads = self._epoch
        self._cancel_all()
        self._worker.submit_first(self._forget_model)
        self._status.show("off", 100, "turned off")

    async def complete(self, cursor: Cursor) -> list[Candidate] | None:
        """Candidates to show; None where a later request elsewhere in the document superseded it.

        Cancelling the task stops the engine between two tokens, unless another waits for the same.
        """
        begun = perf_counter()
        self._counters.requests += 1
        older = self._pending.get(cursor.uri)
        if older is not None and older.serves(cursor, self._epoch):
            self._counters.joined += 1
            return self._cut(cursor, await self._wait(older))
        self.supersede(cursor.uri)
        if (known := self._recall(cursor)) is not None:
            self._counters.from_memory += 1
            self._counters.memory_ms.add((perf_counter() - begun) * 1e3)
            return self._cut(cursor, known)
        loop = asyncio.get_running_loop()
        pending = Pending(cursor, self._epoch, loop.create_future())
        self._pending[cursor.uri] = pending
        self._worker.submit(partial(self._generate, self._settings, pending, loop))
        return self._cut(cursor, await self._wait(pending))

    def _cut(self, cursor: Cursor, shown: list[Candidate] | None) -> list[Candidate] | None:
        """The best of an answer's candidates, as many as a cursor's request wants."""
        if shown is None:
            self._counters.superseded += 1
            return None
        return shown[: self._settings.suggestions(invoked=cursor.invoked)]

    async def _wait(self, pending: Pending) -> list[Candidate] | None:
        """The answer; the engine stops once nobody waits for it any more."""
        pending.waiting += 1
        try:
            return await asyncio.shield(pending.answer)
        except asyncio.CancelledError:
            self._counters.cancelled += 1
            raise
        finally:
            pending.waiting -= 1
            if not pending.waiting and not pending.answer.done():
                self.supersede(pending.cursor.uri)

    def supersede(self, uri: str) -> None:
        """Answer a document's earlier request with nothing, and stop its engine."""
        if (older := self._pending.pop(uri, None)) is not None:
            older.cancelled.set()
            if not older.answer.done():
                older.answer.set_result(None)

    def forget(self, uri: str) -> None:
        """A document was closed, or may not be read any more."""
        self.supersede(uri)
        self._cache.forget(uri)

    def end(self) -> None:
        """Stop the engine's thread, and reading the project."""
        self._cancel_all()
        if self._following is not None:
            self._following.end()
        self._worker.end(PATIENCE_AT_END)

    def _cancel_all(self) -> None:
        for uri in list(self._pending):
            self.supersede(uri)

    def _recall(self, cursor: Cursor) -> list[Candidate] | None:
        """What remembered candidates offer at a cursor; None where the engine must be asked."""
        if self._model is None:
            return None
        from lsp_server.suggestion import select_rest

        for rest in self._cache.find(cursor):
            shown = select_rest(self._model, self._settings, self._guard, cursor, rest)
            if shown or not rest.typed:
                return shown
        return None

    def _load(self, settings: Settings, epoch: int, loop: asyncio.AbstractEventLoop) -> None:
        """On the worker's thread: load, and say how it went."""
        if epoch != self._loads:
            return  # another load follows
        self._forget_model()
        try:
            from lsp_server.loading import follow_project, load_model

            progress = partial(post, loop, self._progress)
            self._model = load_model(settings, self._guard, progress, self._workspace)
            self._following = follow_project(self._model, self._guard.report_once)
        except Exception as exc:
            log.error("cannot load: %s", one_line(exc), exc_info=not isinstance(exc, LoryError))
            post(loop, self._status.show, "error", 100, one_line(exc))
            return
        post(loop, self._status.show, "ready", 100, self._model.title)

    def _forget_model(self) -> None:
        self._model = None
        if self._following is not None:
            self._following.end()
            self._following = None

    def _progress(self, percent: int, message: str) -> None:
        self._status.show("loading", percent, message)

    def _generate(
        self, settings: Settings, pending: Pending, loop: asyncio.AbstractEventLoop
    ) -> None:
        """On the worker's thread: ask the engine, and answer the request with what may be shown."""
        cursor, cancelled = pending.cursor, pending.cancelled
        if cancelled.is_set():
            return
        from lsp_server.suggestion import generate, select

        found: list[Candidate] = []
        shown: list[Candidate] = []
        try:
            if self._model is not None and self._model.serves(cursor.language):
                self._counters.engine_runs += 1
                found = generate(self._model, settings, self._guard, cursor, cancelled)
                shown = select(self._model, settings, self._guard, cursor, found)
        except Exception as exc:
            log.error("no completion: %s", one_line(exc), exc_info=not isinstance(exc, LoryError))
            self._guard.report_once(one_line(exc))
        post(loop, self._answer, pending, found, shown)

    def _answer(self, pending: Pending, found: list[Candidate], shown: list[Candidate]) -> None:
        if pending.answer.done():
            return  # superseded or cancelled meanwhile
        del self._pending[pending.cursor.uri]
        if found and pending.epoch == self._epoch:
            self._cache.remember(pending.cursor, found)
        pending.answer.set_result(shown)


def post(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    """Call on the event loop's thread; not at all once the loop has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)
