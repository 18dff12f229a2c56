"""Requests that wait for the engine, and the status that is shown meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Protocol

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.request_trace import Outcome

OutcomeFuture = asyncio.Future[Outcome | None]


class Status(Protocol):
    """Who is told what the engine is doing; called on the event loop's thread."""

    def show(self, state: "State") -> None:
        """Called when another state holds."""
        ...

    def repeat(self, state: "State") -> None:
        """Called when other files may be read: whoever shows whether one is has to ask again."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """What the engine is doing, as `Status` was told last."""

    name: str
    """loading, ready, off or error."""
    percent: int
    message: str
    label: str = ""
    """What a status bar adds to its own word."""


@dataclass(slots=True, eq=False)
class Pending:
    """A cursor without an answer yet; ghost text and menu may both wait for it."""

    cursor: Cursor
    epoch: int
    answer: OutcomeFuture
    cancelled: Event = field(default_factory=Event)
    waiting: int = 0
    begun: bool = False
    """Whether the engine has been asked; written on its thread."""

    def serves(self, cursor: Cursor, epoch: int) -> bool:
        """Whether another cursor may wait for this answer: the same place, asked no less of."""
        own = replace(self.cursor, invoked=self.cursor.invoked and cursor.invoked)
        return (own, self.epoch) == (cursor, epoch)


class Requests:
    """The request of each document that is not answered yet."""

    def __init__(self) -> None:
        self._by_uri: dict[str, Pending] = {}

    def __len__(self) -> int:
        return len(self._by_uri)

    def of(self, uri: str) -> Pending | None:
        """A document's."""
        return self._by_uri.get(uri)

    def begun(self) -> list[Pending]:
        """Those that the engine has been asked."""
        return [found for found in self._by_uri.values() if found.begun]

    def add(self, pending: Pending) -> None:
        """A document has another; the one before it has been superseded."""
        self._by_uri[pending.cursor.uri] = pending

    def remove(self, pending: Pending) -> None:
        """One is being answered."""
        del self._by_uri[pending.cursor.uri]

    def supersede(self, uri: str, outcome: Outcome | None = None) -> None:
        """Answer a document's with nothing, and stop its engine."""
        if (older := self._by_uri.pop(uri, None)) is not None:
            older.cancelled.set()
            if not older.answer.done():
                older.answer.set_result(outcome)

    def supersede_all(self, outcome: Outcome | None = None) -> None:
        """Answer all with nothing."""
        for uri in list(self._by_uri):
            self.supersede(uri, outcome)


def post(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    """Call on the event loop's thread; not at all once the loop has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call, *arguments)
