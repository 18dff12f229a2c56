"""A language client that runs a server and talks to it over its standard streams.

Three threads: one writes, so that a server that stops reading never blocks the caller; one reads
and answers what the server itself asks; one keeps the last lines of the server's standard error.
"""

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Thread
from time import perf_counter
from typing import Any

from lsp_server.bench.client.handshake import Handler, default_handlers
from lsp_server.bench.client.jsonrpc import Message, frame, parse, read_body
from lsp_server.bench.client.process import (
    PATIENCE_AT_END,
    close_quietly,
    end_process,
    start_process,
)
from lsp_server.errors import BenchError

METHOD_NOT_FOUND = -32601
KEPT_NOTIFICATIONS = 10_000
KEPT_ERROR_LINES = 20


@dataclass(frozen=True, slots=True)
class ResponseError:
    """A JSON-RPC error."""

    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Response:
    """A server's answer."""

    result: Any
    error: ResponseError | None
    received_at: float
    """`time.perf_counter()` when its last byte had been read, before it was parsed."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message of the server that wants no answer."""

    method: str
    params: Any


class LspClient:
    """One server process and the conversation with it; use it in a `with`, or call `close`.

    Every method raises BenchError once the server has ended or has written something that is
    not LSP; none waits longer than its timeout (seconds).
    """

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        *,
        configuration: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts the process; `configuration` is what workspace/configuration answers from."""
        self.command = tuple(command)
        self.process = start_process(self.command, cwd, environment)
        self.handlers: dict[str, Handler] = default_handlers(configuration or {})
        self._changed = Condition()
        self._pending: set[int] = set()
        self._responses: dict[int, Response] = {}
        self._notifications: deque[Notification] = deque(maxlen=KEPT_NOTIFICATIONS)
        self._failure: str | None = None
        self._heard_at = perf_counter()
        self._last_id = 0
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()
        self._error_lines: deque[str] = deque(maxlen=KEPT_ERROR_LINES)
        self._threads = (
            Thread(target=self._write_messages, daemon=True),
            Thread(target=self._read_messages, daemon=True),
            Thread(target=self._read_errors, daemon=True),
        )
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "LspClient":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """What the server has notified so far, oldest first."""
        with self._changed:
            return tuple(self._notifications)

    @property
    def heard_at(self) -> float:
        """`time.perf_counter()` of the server's last message, or of its start."""
        return self._heard_at

    def request(self, method: str, params: Any, timeout: float) -> Response:
        """Asks and waits; BenchError where no answer comes within `timeout`."""
        response = self.wait(self.start_request(method, params), timeout)
        if response is None:
            raise BenchError(
                f"expected an answer to {method} within {timeout:g} s, found none; "
                "allow more time or look into the server's log"
            )
        return response

    def start_request(self, method: str, params: Any) -> int:
        """Asks without waiting; gives the id for `wait` and `cancel`."""
        with self._changed:
            self._last_id += 1
            request_id = self._last_id
            self._pending.add(request_id)
        self._send({"id": request_id, "method": method, "params": params})
        return request_id

    def wait(self, request_id: int, timeout: float) -> Response | None:
        """The answer to a started request, None where it has not come within `timeout`."""
        with self._changed:
            self._changed.wait_for(lambda: request_id in self._responses or self._failure, timeout)
            if request_id in self._responses:
                return self._responses.pop(request_id)
            self._raise_failure()
        return None

    def forget(self, request_id: int) -> None:
        """Drops a request's answer, whether it has come or is still to come."""
        with self._changed:
            self._pending.discard(request_id)
            self._responses.pop(request_id, None)

    def cancel(self, request_id: int) -> None:
        """Asks the server to drop a request; its answer, an error or not, can still be awaited."""
        self.notify("$/cancelRequest", {"id": request_id})

    def notify(self, method: str, params: Any) -> None:
        """Tells the server something that wants no answer."""
        self._send({"method": method, "params": params})

    def wait_notification(
        self, method: str, timeout: float, accept: Callable[[Any], bool] = lambda params: True
    ) -> Notification | None:
        """The latest notification of that method that `accept` takes, come before or meanwhile."""

        def matching() -> Notification | None:
            found = (n for n in reversed(self._notifications) if n.method == method)
            return next((n for n in found if accept(n.params)), None)

        with self._changed:
            self._changed.wait_for(lambda: matching() or self._failure, timeout)
            found = matching()
            if found is None:
                self._raise_failure()
            return found

    def close(self) -> int:
        """Shuts the server down, by force where it does not go; gives its exit code."""
        if self.process.poll() is None and self._failure is None:
            self._ask_to_go()
        elif self.process.poll() is None:
            self.process.terminate()  # it no longer speaks the protocol
        code = end_process(self.process)
        self._outbox.put(None)
        for thread in self._threads:
            thread.join(PATIENCE_AT_END)
        streams = (self.process.stdin, self.process.stdout, self.process.stderr)
        for thread, stream in zip(self._threads, streams, strict=True):
            if stream is not None and not thread.is_alive():
                close_quietly(stream)
        return code

    def _ask_to_go(self) -> None:
        try:
            answer = self.wait(self.start_request("shutdown", None), PATIENCE_AT_END)
            self.notify("exit", None)
        except BenchError:
            return  # it ended while it was asked to
        if answer is None:
            self.process.terminate()

    def _send(self, message: Message) -> None:
        self._raise_failure()
        self._outbox.put(frame({"jsonrpc": "2.0", **message}))

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise BenchError(self._failure)

    def _fail(self, reason: str) -> None:
        with self._changed:
            self._failure = self._failure or reason
            self._changed.notify_all()

    def _write_messages(self) -> None:
        assert self.process.stdin is not None
        while (data := self._outbox.get()) is not None:
            try:
                self.process.stdin.write(data)
                self.process.stdin.flush()
            except (OSError, ValueError):
                return  # the reader reports how the server ended

    def _read_messages(self) -> None:
        assert self.process.stdout is not None
        try:
            while (body := read_body(self.process.stdout)) is not None:
                self._heard_at = perf_counter()
                self._receive(parse(body), self._heard_at)
        except BenchError as exc:
            self._fail(str(exc))
        except (AttributeError, KeyError, TypeError) as exc:
            self._fail(f"expected a JSON-RPC message from the server, found one without {exc}")
        except (OSError, ValueError):
            self._fail("the connection to the server was closed")
        self._fail(self._obituary())

    def _receive(self, message: Message, now: float) -> None:
        if "method" not in message:
            self._receive_response(message, now)
        elif "id" in message:
            self._outbox.put(frame(self._answer(message)))
        else:
            with self._changed:
                self._notifications.append(Notification(message["method"], message.get("params")))
                self._changed.notify_all()

    def _receive_response(self, message: Message, now: float) -> None:
        error = message.get("error")
        found = ResponseError(error.get("code", 0), error.get("message", "")) if error else None
        with self._changed:
            if message.get("id") in self._pending:
                self._pending.discard(message["id"])
                self._responses[message["id"]] = Response(message.get("result"), found, now)
                self._changed.notify_all()

    def _answer(self, request: Message) -> Message:
        handler = self.handlers.get(request["method"])
        answer: Message = {"jsonrpc": "2.0", "id": request["id"]}
        if handler is None:
            text = f"this client knows no {request['method']}"
            return answer | {"error": {"code": METHOD_NOT_FOUND, "message": text}}
        return answer | {"result": handler(request.get("params"))}

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._error_lines.append(line.decode(errors="replace").rstrip())

    def _obituary(self) -> str:
        try:
            code: object = self.process.wait(PATIENCE_AT_END)
        except subprocess.TimeoutExpired:
            code = "none, it still runs"
        self._threads[-1].join(PATIENCE_AT_END)
        last_line = next((line for line in reversed(self._error_lines) if line), "nothing")
        return (
            f"expected the server to stay, found that it ended (exit code {code}); "
            f"its last line of standard error: {last_line}"
        )
