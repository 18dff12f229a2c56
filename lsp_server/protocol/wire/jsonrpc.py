"""JSON-RPC that answers every request, including those that pygls would drop."""

import asyncio
import json
import logging
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import uuid4

from attrs import evolve
from lsprotocol.types import (
    INITIALIZE,
    TEXT_DOCUMENT_DID_CHANGE,
    WORKSPACE_EXECUTE_COMMAND,
    ExecuteCommandParams,
    InitializeParams,
    InitializeResult,
    ResponseError,
    ResponseErrorMessage,
)
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method

from lsp_server.protocol.fast_initialize import EXPERIMENTAL
from lsp_server.protocol.wire.messages import (
    DEEPEST,
    completed,
    decode_body,
    id_of,
    is_envelope,
    is_too_deep,
    says_goodbye,
    uri_of,
)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
NOT_INITIALIZED = -32002
BEFORE_INITIALIZE = frozenset(("initialize", "exit"))

log = logging.getLogger(__name__)


class LoryProtocol(LanguageServerProtocol):
    """pygls' protocol, strict about the order of messages."""

    _initialized = False
    initialize_id: int | str | None = None
    """The id of an `initialize` that has its answer already, until it is handled."""
    when_cancelled_early: Callable[[Any], None] | None = None
    """Told the parameters of a request that is cancelled before its handler has begun."""

    when_change_lost: Callable[[str | None], None] = staticmethod(lambda uri: None)
    """Told the URI of a document of which a change cannot be read; None where even that is lost."""
    when_over: Callable[[], None] = staticmethod(lambda: None)
    """Told that the client goes."""
    when_opened: Callable[[InitializeParams], None] = staticmethod(lambda params: None)
    """Told what the client says of itself."""

    def __init__(self, server: Any, converter: Any) -> None:
        super().__init__(server, converter)
        self._questions: dict[int | str, Future[Any]] = {}
        self._unbegun: dict[int | str, Any] = {}

    @property
    def was_shut_down(self) -> bool:
        """Whether the client asked for the end."""
        return bool(self._shutdown)

    @lsp_method(INITIALIZE)
    def lsp_initialize(self, params: InitializeParams) -> Generator[Any, Any, InitializeResult]:
        """pygls' answer, with what it has no place for; folders are none of its business."""
        plain = evolve(params, root_path=None, root_uri=None, workspace_folders=None)
        result = yield from super().lsp_initialize(plain)
        self.when_opened(params)
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
        if not self._was_answered_early(msg_id, error):
            super()._send_response(msg_id, result, error)

    def _was_answered_early(self, number: int | str | None, error: ResponseError | None) -> bool:
        if number is None or number != self.initialize_id:
            return False
        self.initialize_id = None
        if error is not None:
            log.error("cannot go on after the first answer: %s", error.message)
        return True

    def take(self, body: bytes) -> None:
        """Handle the message of a body; refuse what is none, by its id where it tells one."""
        text = decode_body(body)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as exc:  # ValueError: also numbers beyond all bounds
            log.error("expected JSON in a message's body, found: %s", exc)
            self.refuse(None, PARSE_ERROR, "the message is not JSON")
            if b"didChange" in body:
                self.when_change_lost(None)
            return
        if says_goodbye(data):
            self._say_goodbye(data)
        elif not is_envelope(data):
            self.refuse(id_of(data), INVALID_REQUEST, "expected a JSON-RPC message")
            self._drop(data)
        elif is_too_deep(data):
            self.refuse(id_of(data), INVALID_REQUEST, f"nested deeper than {DEEPEST}")
            self._drop(data)
        else:
            self.handle_message(self.structure_message(completed(data)))

    def _say_goodbye(self, data: dict[str, Any]) -> None:
        """The client goes, in whatever form it says so; a request has its answer first."""
        if (number := id_of(data)) is not None:
            self._send_response(number, None)
        self.when_over()

    def _drop(self, data: Any) -> None:
        """What a message that cannot be read would have said is not waited for, nor believed."""
        if not isinstance(data, dict):
            return
        number, method = data.get("id"), data.get("method")
        if method == TEXT_DOCUMENT_DID_CHANGE:
            self.when_change_lost(uri_of(data))
        if method is None and isinstance(number, str):
            question = self._questions.pop(number, None)
            if question is not None:
                question.set_exception(JsonRpcException("an answer that cannot be read"))

    def structure_message(self, data: dict[str, Any]) -> Any:
        """The typed message; None for one that is refused, its request answered already."""
        try:
            return super().structure_message(data)
        except JsonRpcException:
            method, number = data.get("method"), id_of(data)
        log.error("cannot read the parameters of %r", method)
        if method == INITIALIZE and number is not None and number == self.initialize_id:
            return self._structure_opening(data)
        if "method" in data and "id" in data:
            text = f"{method!r}: the parameters are not those of the protocol"
            self.refuse(number, INVALID_PARAMS, text)
        self._drop(data)
        return None

    def _structure_opening(self, data: dict[str, Any]) -> Any:
        """What can be read of an `initialize` that has its answer: a session that has begun."""
        params = data["params"]
        left = {"capabilities": params["capabilities"], "processId": None, "rootUri": None}
        left["initializationOptions"] = params.get("initializationOptions")
        choices: tuple[Any, ...] = (left["capabilities"], {})
        for capabilities in choices:
            with suppress(JsonRpcException):
                plain = {**data, "params": {**left, "capabilities": capabilities}}
                return super().structure_message(plain)
        return None

    def handle_message(self, message: Any) -> None:
        """Handle a message if it may come now; refuse it otherwise."""
        if message is None:
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

    def _handle_response(
        self, msg_id: Any, result: Any | None = None, error: ResponseError | None = None
    ) -> None:
        """Take an answer to what the server asked; any other is none."""
        question = self._questions.pop(msg_id, None) if isinstance(msg_id, str) else None
        if question is None:
            log.info("an answer to nothing that was asked: %r", msg_id)
        elif error is not None:
            question.set_exception(JsonRpcException.from_error(error))
        else:
            question.set_result(result)

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: int | str | None = None,
    ) -> "Future[Any]":
        """Ask the client. `callback` is given the answer, but not an error.

        What the server asks is kept apart from what it is asked, whatever ids a client chooses.
        """
        number = str(uuid4()) if msg_id is None else msg_id
        question = super().send_request(method, params, None, number)
        self._request_futures.pop(number, None)
        self._questions[number] = question
        if callback is not None:
            question.add_done_callback(partial(pass_on, callback))
        return question

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        """Cancel a request; tell of one whose handler has not begun, as it never will."""
        if not isinstance(msg_id, int | str):
            return
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
        if not self._was_answered_early(number, error):
            answer = ResponseErrorMessage(error=error, id=number)
            self._send_data({**self._serialize_message(answer), "id": number})  # null too


def pass_on(callback: Callable[[Any], None], question: "Future[Any]") -> None:
    """Give an answer to who waits for it, if there is one."""
    if not question.cancelled() and question.exception() is None:
        callback(question.result())
