"""JSON-RPC: takes messages as they come, gives every request an answer, also those pygls drops."""

import json
import logging
from collections.abc import Generator
from typing import Any

from lsprotocol.types import (
    INITIALIZE,
    InitializeParams,
    InitializeResult,
    ResponseError,
    ResponseErrorMessage,
)
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
NOT_INITIALIZED = -32002
STATISTICS = "lory/statistics"
EXPERIMENTAL = {"loryStatistics": True}
"""What the server can do beyond the protocol: it answers `lory/statistics`."""
BEFORE_INITIALIZE = frozenset(("initialize", "exit"))

log = logging.getLogger(__name__)


class LoryProtocol(LanguageServerProtocol):
    """pygls' protocol, strict about the order of messages."""

    _initialized = False

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
        answer = ResponseErrorMessage(error=ResponseError(code=code, message=text), id=number)
        self._send_data(answer)

    def refuse_unreadable(self, error: Exception) -> bool:
        """Answer a body that is no JSON; False for another error."""
        if not isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
            return False
        log.error("expected JSON in a message's body, found: %s", error)
        self.refuse(None, PARSE_ERROR, "the message is not JSON")
        return True
