"""Lory's pygls server, with messages to the user."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

from lsprotocol import types as lsp
from pygls.exceptions import (
    FeatureRequestError,
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcMethodNotFound,
)
from pygls.lsp.server import LanguageServer

from lsp_server import __version__
from lsp_server.completion.worker.pending import State
from lsp_server.plugins import one_line
from lsp_server.protocol.session import Session
from lsp_server.protocol.wire.jsonrpc import LoryProtocol

STATUS = "lory/status"
STATUS_CAPABILITY = "loryStatus"
"""Clients ask for `lory/status` with this key of the experimental capabilities."""

log = logging.getLogger(__name__)


class LoryServer(LanguageServer):
    """pygls' server, with Lory's session and its line to the user."""

    protocol: LoryProtocol

    def __init__(self) -> None:
        super().__init__("lory", __version__, protocol_cls=LoryProtocol)
        self.session = Session(self, self.report)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._bar = ""
        self._tasks: set[asyncio.Future[None]] = set()

    def keep(self, task: "asyncio.Future[None]") -> None:
        """Hold on to a task until it is done: the event loop itself would let it go."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def experimental(self) -> dict[str, Any]:
        """What the client can do beyond the protocol."""
        found = self.client_capabilities.experimental
        return found if isinstance(found, dict) else {}

    def show(self, state: State) -> None:
        """Tell what the engine is doing: as `lory/status`, as a progress bar, as an error."""
        self.repeat(state)
        self._show_bar(state.name, state.percent, state.message)
        if state.name == "error":
            self._show_error(state.message)

    def repeat(self, state: State) -> None:
        """Send `lory/status` alone: what holds is the same, what is read may be another."""
        if self.experimental.get(STATUS_CAPABILITY):
            told = {"state": state.name, "percent": state.percent, "message": state.message}
            self.protocol.notify(STATUS, {**told, "label": state.label})

    def report(self, message: str) -> None:
        """Show an error; from any thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._show_error, message)

    def tell(self, message: str) -> None:
        """Show a message."""
        text = f"Lory: {message}"
        self.window_show_message(lsp.ShowMessageParams(type=lsp.MessageType.Info, message=text))

    def _show_error(self, message: str) -> None:
        text = f"Lory: {message}"
        self.window_show_message(lsp.ShowMessageParams(type=lsp.MessageType.Error, message=text))

    def _show_bar(self, state: str, percent: int, message: str) -> None:
        bar, token = self.work_done_progress, self._bar
        window = self.client_capabilities.window
        if window and window.work_done_progress and state == "loading" and not percent:
            self._bar = str(uuid4())
            bar.create(self._bar, partial(self._begin_bar, self._bar))
        elif state != "loading":
            self._bar = ""
            if token in bar.tokens:
                bar.end(token, lsp.WorkDoneProgressEnd(message=message))
        elif token in bar.tokens:
            bar.report(token, lsp.WorkDoneProgressReport(message=message, percentage=percent))

    def _begin_bar(self, token: str, _: None) -> None:
        if token == self._bar:  # still loading
            begin = lsp.WorkDoneProgressBegin(title="Lory", percentage=0)
            self.work_done_progress.begin(token, begin)

    def take(self, body: bytes, taken: Callable[[], None] = lambda: None) -> None:
        """Handle one message; what cannot be read is refused. `taken` is called first."""
        taken()
        try:
            self.protocol.take(body)
        except Exception as exc:
            self._report_server_error(exc, JsonRpcException)

    def report_server_error(self, error: Exception, source: type[Exception]) -> None:
        """One line in the log for what pygls could not handle; the client has its own answer."""
        its_own = not isinstance(error, JsonRpcInvalidParams | JsonRpcMethodNotFound)
        log.error("%s", one_line(error), exc_info=error if its_own else None)
        if source is not FeatureRequestError:
            self._show_error(one_line(error))
