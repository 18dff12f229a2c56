"""Connects one session's suggestions and edits to the feedback sinks.

All methods run on the event loop's thread. While the setting is off nothing is imported, kept or
opened here. A sink that raises is off until restart, and costs no completion.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic, time
from types import NoneType
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from uuid import uuid4

from lsp_server.completion.request_trace import Trace
from lsp_server.documents.text_documents import Documents
from lsp_server.documents.text_edits import Point, TextEdit
from lsp_server.plugins import FEEDBACK, ActivePlugin, Forgets, PluginGuard, list_plugins
from lsp_server.settings import Settings

if TYPE_CHECKING:
    from lsp_server.completion.context.plugin import Cursor
    from lsp_server.completion.model.loading import Model
    from lsp_server.feedback.rows import Offer
    from lsp_server.feedback.tracker import Tracker

PREFIX_CHARACTERS, SUFFIX_CHARACTERS = 8192, 4096
"""Kept of the text around the cursor with `feedback_text`: more than a prompt holds."""


@runtime_checkable
class Closes(Protocol):
    """What a sink may have beyond being callable with rows."""

    def close(self) -> None:
        """The session ends, or feedback was turned off."""
        ...


class Span(Protocol):
    """Where an answer goes, in its document's lines and columns."""

    @property
    def cursor(self) -> "Cursor":
        """Where was asked."""
        ...

    @property
    def lead(self) -> str:
        """What stands before each candidate in its place."""
        ...

    @property
    def points(self) -> tuple[Point, Point]:
        """What the answer replaces."""
        ...

    @property
    def menu(self) -> bool:
        """Whether it is for the completion menu."""
        ...


class Observer:
    """What became of the suggestions of one session, while that is wanted."""

    def __init__(self, documents: Documents, guard: PluginGuard) -> None:
        self.followed_seconds: float | None = None
        """How long accepted text is followed, in place of `tracker.FOLLOWED_SECONDS`."""
        self._documents = documents
        self._guard = guard
        self._settings = Settings()
        self._tracker: Tracker | None = None
        self._sinks: tuple[ActivePlugin, ...] = ()
        self._timer: asyncio.TimerHandle | None = None

    def apply(self, settings: Settings) -> None:
        """Begin or end, as the settings ask."""
        before, self._settings = self._settings, settings
        wanted = settings.enabled and settings.feedback
        same = (before.feedback_sinks, before.trusted) == (
            settings.feedback_sinks,
            settings.trusted,
        )
        if self._tracker is not None and not (wanted and same):
            self._withdraw()
            self._stop()
        elif self._tracker is not None and before.feedback_text and not settings.feedback_text:
            self._tracker.forget_prompts()
            self._withdraw()
        if wanted and self._tracker is None:
            self._begin()

    def _withdraw(self) -> None:
        """Have sinks forget what they have not written yet: it may not be kept any more."""
        for sink in self._sinks:
            if isinstance(sink.function, Forgets):
                sink.function.forget()

    def _begin(self) -> None:
        from lsp_server.feedback.tracker import FOLLOWED_SECONDS, Tracker

        given = self.followed_seconds
        seconds = FOLLOWED_SECONDS if given is None else given
        self._tracker = Tracker(uuid4().hex, self._lines_of, seconds)
        names, trusted = self._settings.feedback_sinks, self._settings.trusted
        self._sinks = self._guard.activate(list_plugins(), FEEDBACK, names, trusted=trusted)

    def _lines_of(self, uri: str) -> Sequence[str] | None:
        document = self._documents.get(uri)
        return None if document is None else document.lines

    def offer(self, span: Span, trace: Trace, model: "Model | None") -> tuple[str, ...]:
        """The editor is given an answer: the id of each suggestion; none while this is off."""
        if self._tracker is None:
            return ()
        ids = self._tracker.offer(self._describe(span, trace, model), monotonic())
        self._pass_on()
        return tuple(ids)

    def _describe(self, span: Span, trace: Trace, model: "Model | None") -> "Offer":
        from lsp_server.feedback.rows import Offer, PromptText, Trigger

        cursor, start, end = span.cursor, *span.points
        typed = Trigger.INVOKED if cursor.invoked else Trigger.TYPED
        generation = None if trace.outcome is None else trace.outcome.generation
        own = generation is not None and trace.outcome is not None and not trace.outcome.typed
        text = PromptText(
            path=cursor.path,
            prefix=cursor.prefix[-PREFIX_CHARACTERS:],
            suffix=cursor.suffix[:SUFFIX_CHARACTERS],
        )
        return Offer(
            uri=cursor.uri,
            language=cursor.language,
            start=start,
            end=end,
            lead=span.lead,
            candidates=trace.shown,
            trigger=Trigger.MENU if span.menu else typed,
            latency_ms=trace.milliseconds,
            time=time(),
            prompt_sha256=generation.prompt_sha256() if generation is not None and own else "",
            model="" if model is None else model.title,
            model_sha256="" if model is None else model.sha256,
            prompt=text if self._settings.feedback_text else None,
        )

    def edit(self, uri: str, edits: Sequence[TextEdit]) -> None:
        """A document was changed; it reads so already."""
        if self._tracker is not None:
            self._tracker.edit(uri, edits, monotonic())
            self._pass_on()

    def accept(self, suggestion: str) -> None:
        """The editor says that a suggestion was accepted."""
        if self._tracker is not None:
            self._tracker.accept(suggestion, monotonic())
            self._pass_on()

    def close(self, uri: str) -> None:
        """A document is about to be closed, or not to be read any more."""
        if self._tracker is not None:
            self._tracker.close(uri, monotonic())
            self._pass_on()

    def drop(self, uri: str) -> None:
        """A document may not be read any more: nothing of it is told."""
        if self._tracker is not None and self._tracker.drop(uri):
            self._withdraw()

    def end(self) -> None:
        """Nothing more will be told: settle what there is, and let the sinks finish."""
        if self._tracker is None:
            return
        self._tracker.end(monotonic())
        self._pass_on()
        self._stop()

    def _stop(self) -> None:
        self._tracker = None
        for sink in self._sinks:
            if isinstance(sink.function, Closes):
                sink.function.close()
        self._sinks = ()

    def _sweep(self) -> None:
        self._timer = None
        if self._tracker is not None:
            self._tracker.sweep(monotonic())
            self._pass_on()

    def _pass_on(self) -> None:
        """Give the sinks what became known, and come back when more will."""
        assert self._tracker is not None
        rows = self._tracker.take_rows()
        for sink in self._sinks if rows else ():
            self._guard.run(sink, NoneType, None, rows)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._tracker.due()
        if due is not None:
            wait = max(0.0, due - monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._sweep)
