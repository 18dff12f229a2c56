"""Answers completion requests: reuses earlier results, and supersedes and cancels requests.

All methods run on the event loop's thread; the engine works on a thread of its own, without a lock.
The model's libraries are imported when it is loaded: an editor waits for `initialize`.
"""

import asyncio
import logging
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.counters import Counters
from lsp_server.completion.request_trace import RULES_CHANGED, Outcome, Source, Station, Trace
from lsp_server.completion.suggestion_cache import SuggestionCache
from lsp_server.completion.worker.pending import Pending, Requests, State, Status, post
from lsp_server.completion.worker.reading_ahead import ReadingAhead
from lsp_server.completion.worker.watched_thread import WatchedWorker
from lsp_server.engines import Candidate
from lsp_server.errors import LoryError
from lsp_server.plugins import PluginGuard, one_line
from lsp_server.settings import Settings

if TYPE_CHECKING:
    from lsp_server.completion.model.loading import Model
    from lsp_server.completion.model.models import Models
    from lsp_server.project.workspace import Workspace

LOAD_SECONDS = 600.0  # until a load is given up; trying a bundle out has a limit of its own
PATIENCE_AT_END = 0.3  # seconds that a running engine has to stop between two tokens

log = logging.getLogger(__name__)


class Completer:
    """The one place that knows which request of a document is the current one."""

    def __init__(self, status: Status, guard: PluginGuard, workspace: "Workspace") -> None:
        self._status = status
        self._guard = guard
        self._workspace = workspace
        self._worker = WatchedWorker(self._give_up)
        self._given_up = 0  # how often since the settings last asked for a load
        self._cache = SuggestionCache()
        self._requests = Requests()
        self._ahead = ReadingAhead()
        self._settings = Settings()
        self._models: Models | None = None
        self._epoch = 0  # counts changes of settings: what was begun before them is not remembered
        self._loads = 0  # the epoch that the latest load belongs to
        self._counters = Counters()
        self.state = State("loading", 0, "waiting for the editor's settings")
        self._fault = ""  # why there is no model; written on the worker's thread

    def model_of(self, language: str) -> "Model | None":
        """What answers in a language, if it is loaded."""
        return None if self._models is None else self._models.of(language)

    def statistics(self) -> dict[str, Any]:
        """What has been counted, in plain values."""
        counters, facts = (m.counters, m.facts) if (m := self._models) else (None, None)
        return {**self._counters.as_json(counters), "project": facts}

    def load(self, settings: Settings) -> None:
        """Load the model of these settings in the background; requests wait for it."""
        self.apply(settings)
        self._given_up = 0
        self._begin_load("starting")

    def _begin_load(self, message: str) -> None:
        self._tell("loading", 0, message)
        self._loads = self._epoch
        self._worker.want_no_more()
        load = partial(self._load, self._settings, self._epoch, asyncio.get_running_loop())
        self._worker.submit_first(load, LOAD_SECONDS)

    def _give_up(self, why: str, hurried: bool) -> None:
        """The engine's thread has been given up: go on with another, unless that happens again."""
        log.error("the engine %s; its thread is given up", why)
        outcome = Outcome(obstacle=Station("engine", f"the engine {why}", passed=False))
        for pending in self._requests.begun():
            self._answer(pending, outcome)
        self._drop_model()
        if hurried:
            return  # what it was hurried for waits already
        self._given_up += 1
        if self._given_up == 1:
            self._begin_load(f"the engine {why}; it is started anew")
        else:
            self._fault = f"the engine {why}, twice; set another bundle or engine, or restart"
            self._tell("error", 100, self._fault)
            self._worker.submit_first(self._drop_model, LOAD_SECONDS)

    def apply(self, settings: Settings) -> None:
        """Take settings that need no other model."""
        self._ahead.stop()
        self._settings = settings
        self._epoch += 1
        self._cache.clear()

    def forget_texts(self) -> None:
        """What may be read has changed: keep nothing of what was, and answer nothing from it."""
        self.apply(self._settings)
        self._requests.supersede_all(Outcome(obstacle=RULES_CHANGED))
        if self._loads:  # else the worker's thread has not begun
            self._worker.want_no_more()
            self._worker.submit_first(self._forget_texts, LOAD_SECONDS)

    def _forget_texts(self) -> None:
        if (models := self._models) is not None:
            forgotten = models.forget(self._guard)
            if self._worker.is_current and self._models is models:
                self._models = forgotten

    def unload(self, settings: Settings) -> None:
        """Forget the model."""
        self.apply(settings)
        self._loads = self._epoch
        self._requests.supersede_all()
        self._worker.want_no_more()
        self._worker.submit_first(self._drop_model, LOAD_SECONDS)
        self._tell("off", 100, "turned off")

    def _tell(self, state: str, percent: int, message: str, label: str = "") -> None:
        self.state = State(state, percent, message, label)
        self._status.show(self.state)

    async def complete(self, cursor: Cursor, trace: Trace) -> list[Candidate] | None:
        """Candidates to show; None where a later request elsewhere in the document superseded it.

        Cancelling the task stops the engine between two tokens, unless another waits for the same.
        `trace` is told how the answer came about.
        """
        begun = perf_counter()
        self._counters.requests += 1
        older = self._requests.of(cursor.uri)
        if older is not None and older.serves(cursor, self._epoch):
            self._counters.joined += 1
            trace.source = Source.JOINED
            return self._take(cursor, trace, await self._wait(older))
        self._requests.supersede(cursor.uri)
        if (known := self._recall(cursor)) is not None:
            self._counters.from_memory += 1
            self._counters.memory_ms.add((perf_counter() - begun) * 1e3)
            trace.source = Source.MEMORY
            return self._take(cursor, trace, known)
        loop = asyncio.get_running_loop()
        pending = Pending(cursor, self._epoch, loop.create_future())
        self._requests.add(pending)
        self._ahead.stop()
        ask = partial(self._generate, self._settings, pending, loop)
        self._worker.submit(ask, self._settings.deadline)
        return self._take(cursor, trace, await self._wait(pending))

    def _take(
        self, cursor: Cursor, trace: Trace, outcome: Outcome | None
    ) -> list[Candidate] | None:
        """The best of an outcome's candidates, as many as a cursor's request wants."""
        if outcome is None:
            self._counters.superseded += 1
            return None
        trace.outcome = outcome
        return list(outcome.filtered.shown[: self._settings.suggestions(invoked=cursor.invoked)])

    async def _wait(self, pending: Pending) -> Outcome | None:
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
                self._requests.supersede(pending.cursor.uri)

    def forget(self, uri: str) -> None:
        """A document was closed, or may not be read any more."""
        self._requests.supersede(uri)
        self._cache.forget(uri)

    def end(self) -> None:
        """Stop the engine's thread, and reading the project."""
        self._ahead.stop()
        self._requests.supersede_all()
        if self._models is not None:
            self._models.stop_reading()
        self._worker.end(PATIENCE_AT_END)

    def _recall(self, cursor: Cursor) -> Outcome | None:
        """What remembered candidates offer at a cursor; None where the engine must be asked."""
        if (model := self.model_of(cursor.language)) is None:
            return None
        from lsp_server.completion.suggestion import recall_from

        return recall_from(self._cache, model, self._settings, self._guard, cursor)

    def _load(self, settings: Settings, epoch: int, loop: asyncio.AbstractEventLoop) -> None:
        """On the worker's thread: load, and say how it went."""
        if epoch != self._loads:
            return  # another load follows
        self._drop_model()
        try:
            from lsp_server.completion.model.models import load_models
            from lsp_server.completion.model.tryout import admit

            progress = partial(post, loop, self._tell, "loading")
            may_open = partial(admit, settings=settings, wanted=lambda: epoch == self._loads)
            models = load_models(settings, self._guard, progress, self._workspace, may_open)
            if not self._worker.is_current:
                return  # given up meanwhile
            self._models = models = models.followed(self._guard.report_once)
        except BaseException as exc:  # a library's panic is no Exception
            if epoch == self._loads and self._worker.is_current:
                self._fail(exc, loop)
            return
        post(loop, self._tell, "ready", 100, models.title, models.label)

    def _fail(self, exc: BaseException, loop: asyncio.AbstractEventLoop) -> None:
        log.error("cannot load: %s", one_line(exc), exc_info=not isinstance(exc, LoryError))
        self._fault = one_line(exc)
        post(loop, self._tell, "error", 100, self._fault)

    def open_language(self) -> None:
        """A document of a language was opened that none was open of before."""
        if self._loads and self._settings.enabled:
            start = partial(self._start_bundle, asyncio.get_running_loop())
            self._worker.submit_first(start, LOAD_SECONDS)

    def _start_bundle(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the worker's thread: start the bundles' models that are wanted by now."""
        models, opened = self._models, self._workspace.notes.languages
        if models is None or models.waiting(opened) is None:
            return
        try:
            begun = models.begun_all(opened, partial(post, loop, self._tell, "loading"))
        except BaseException as exc:  # a library's panic is no Exception
            if self._worker.is_current and self._models is models:
                self._fail(exc, loop)
            return
        if self._worker.is_current and self._models is models:
            self._models = begun
            post(loop, self._tell, "ready", 100, begun.title, begun.label)
        else:
            begun.stop_reading()  # another load has come between

    def _drop_model(self) -> None:
        if self._models is not None:
            self._models.end(self._guard)
        self._models = None

    def _generate(
        self, settings: Settings, pending: Pending, loop: asyncio.AbstractEventLoop
    ) -> None:
        """On the worker's thread: ask the engine, and answer the request with what may be shown."""
        if pending.cancelled.is_set():
            return
        pending.begun = True
        try:
            outcome = self._ask_engine(settings, pending)
        except BaseException as exc:  # a library's panic is no Exception
            log.error("no completion: %s", one_line(exc), exc_info=not isinstance(exc, LoryError))
            self._guard.report_once(one_line(exc))
            failure = Station("engine", f"the engine failed: {one_line(exc)}", passed=False)
            outcome = Outcome(obstacle=failure)
        post(loop, self._answer, pending, outcome)
        post(loop, self._tell_title)

    def _tell_title(self) -> None:
        """Tell what completes now, where that is not what was told."""
        models, told = self._models, (self.state.message, self.state.label)
        if models and self.state.name == "ready" and told != (models.title, models.label):
            self._tell("ready", 100, models.title, models.label)

    def _ask_engine(self, settings: Settings, pending: Pending) -> Outcome:
        """What the engine has at a cursor and what of it may be shown, or why it is not asked."""
        from lsp_server.completion.suggestion import ask_engine, no_model

        if (model := self.model_of(pending.cursor.language)) is None:
            return no_model(self._fault)
        self._counters.engine_runs += 1
        return ask_engine(model, settings, self._guard, pending.cursor, pending.cancelled)

    def _answer(self, pending: Pending, outcome: Outcome) -> None:
        if pending.answer.done():
            return  # superseded or cancelled meanwhile
        self._requests.remove(pending)
        found = outcome.generation
        if found and found.candidates and pending.epoch == self._epoch:
            self._cache.remember(pending.cursor, found)
        pending.answer.set_result(outcome)
        model = self.model_of(pending.cursor.language)
        if found and found.whole and model and pending.epoch == self._epoch:
            self._ahead.begin(self._worker, model.engine, found.whole)
