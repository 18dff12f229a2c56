"""JSON-RPC: takes messages as they come, gives every request an answer, also those pygls drops."""

import asyncio
import json
import logging
from collections.abc import Callable, Generator
from typing import Any

from lsprotocol.types import (
    INITIALIZE,
    WORKSPACE_EXECUTE_COMMAND,
    ExecuteCommandParams,
    InitializeParams,
    InitializeResult,
    ResponseError,
    ResponseErrorMessage,
)
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method

from lsp_server.greeting import EXPERIMENTAL

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
NOT_INITIALIZED = -32002
BEFORE_INITIALIZE = frozenset(("initialize", "exit"))

log = logging.getLogger(__name__)


class LoryProtocol(LanguageServerProtocol):
    """pygls' protocol, strict about the order of messages."""

    _initialized = False
    greeted: int | str | None = None
    """The id of an `initialize` that has its answer already, until it is handled."""
    when_cancelled_early: Callable[[Any], None] | None = None
    """Told the parameters of a request that is cancelled before its handler has begun."""

    def __init__(self, server: Any, converter: Any) -> None:
        super().__init__(server, converter)
        self._unbegun: dict[int | str, Any] = {}

    @property
    def was_shut_down(self) -> bool:
        """Whether the client asked for the end."""
        return bool(self._shutdown)

    @lsp_method(INITIALIZE)
    def lsp_initialize(self, params: InitializeParams) -> Generator[Any, Any, InitializeResult]:
        """pygls' answer, with what it has no place for."""
        result = yield from super().lsp_initialize(params)
        result.capabilities.experimental = EXPERIMENTAL
        return result

    @lsp_method(WORKSPACE_EXECUTE_COMMAND)
    def lsp_workspace__execute_command(
        self, params: ExecuteCommandParams
    ) -> Generator[Any, Any, Any]:
        """Run a command; refuse one that is not known."""
        if params.command not in self.fm.commands:
            known = ", ".join(self.fm.commands)
            raise JsonRpcInvalidParams(f"unknown command {params.command!r}; known are: {known}")
        return (yield from super().lsp_workspace__execute_command(params))

    def _send_response(
        self, msg_id: Any, result: Any | None = None, error: ResponseError | None = None
    ) -> None:
        """Send an answer, unless the client has it."""
        if not self._was_greeted(msg_id, error):
            super()._send_response(msg_id, result, error)

    def _was_greeted(self, number: int | str | None, error: ResponseError | None) -> bool:
        if number is None or number != self.greeted:
            return False
        self.greeted = None
        if error is not None:
            log.error("cannot go on after the first answer: %s", error.message)
        return True

    def structure_message(self, data: dict[str, Any]) -> Any:
        """The typed message; None for one that is refused, its request answered already."""
        try:
            return super().structure_message(data)
        except JsonRpcException:
            log.error("cannot read the parameters of %s", data.get("method"))
            if "method" in data and "id" in data:
                text = f"{data['method']}: the parameters are not those of the protocol"
                self.refuse(data["id"], INVALID_PARAMS, text)
            return None

    def handle_message(self, message: Any) -> None:
        """Handle a message if it may come now; refuse it otherwise."""
        if message is None:
            return
        if not hasattr(message, "jsonrpc"):
            self.refuse(None, INVALID_REQUEST, "expected a JSON-RPC message")
            return
        method, number = getattr(message, "method", None), getattr(message, "id", None)
        if method is not None and (fault := self._fault(method)) is not None:
            if number is not None:
                self.refuse(number, *fault)
            return
        self._initialized = self._initialized or method == "initialize"
        super().handle_message(message)

    def _handle_request(self, msg_id: Any, method_name: str, params: Any) -> None:
        """Handle a request; until its handler begins, keep what it asks for."""
        super()._handle_request(msg_id, method_name, params)
        task = self._request_futures.get(msg_id)
        if isinstance(task, asyncio.Task):
            self._unbegun[msg_id] = params
            task.get_loop().call_soon(self._unbegun.pop, msg_id, None)  # right after it begins

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        """Cancel a request; tell of one whose handler has not begun, as it never will."""
        params = self._unbegun.pop(msg_id, None)
        if params is not None and self.when_cancelled_early is not None:
            self.when_cancelled_early(params)
        super()._handle_cancel_notification(msg_id)

    def _fault(self, method: str) -> tuple[int, str] | None:
        """Code and text for a message that may not come now; None for others."""
        if not self._initialized and method not in BEFORE_INITIALIZE:
            return NOT_INITIALIZED, f"{method}: the server is not initialized"
        if self._initialized and method == "initialize":
            return INVALID_REQUEST, "initialize: the server is initialized already"
        if self._shutdown and method != "exit":
            return INVALID_REQUEST, f"{method}: the server was shut down"
        return None

    def refuse(self, number: int | str | None, code: int, text: str) -> None:
        """Answer a request with an error."""
        error = ResponseError(code=code, message=text)
        if not self._was_greeted(number, error):
            self._send_data(ResponseErrorMessage(error=error, id=number))

    def refuse_unreadable(self, error: Exception) -> bool:
        """Answer a body that is no JSON; False for another error."""
        if not isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
            return False
        log.error("expected JSON in a message's body, found: %s", error)
        self.refuse(None, PARSE_ERROR, "the message is not JSON")
        return True
