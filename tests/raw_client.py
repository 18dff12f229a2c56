"""A client that sends whatever it likes, and keeps each message that a server process writes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Event, Thread
from time import monotonic
from typing import IO, Any

from lsp_server.bench.client.jsonrpc import frame, parse, read_body
from lsp_server.errors import BenchError

COMMAND = (sys.executable, "-m", "lsp_server", "lsp")
PATIENCE = 30.0
Message = dict[str, Any]


def framed(body: bytes) -> bytes:
    """A body with its header."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class RawClient:
    """One server process; sends bytes as they are, from a thread of its own."""

    def __init__(self, folder: Path, command: Sequence[str] = COMMAND, stdout: Any = None) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=stdout or pipe, stderr=pipe, cwd=folder
        )
        assert self.process.stdin is not None
        self.received: list[Message] = []
        self._errors: list[str] = []
        self.fault = ""
        self._stdin = self.process.stdin
        self._changed = Condition()
        self._outbox: SimpleQueue[bytes | Event | None] = SimpleQueue()
        self._threads = [Thread(target=self._write, daemon=True)]
        self._threads.append(Thread(target=self._keep_errors, daemon=True))
        if self.process.stdout is not None:
            self._threads.append(Thread(target=self._read, args=[self.process.stdout], daemon=True))
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._outbox.put(None)
        for thread in self._threads:
            thread.join(5)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue  # what it held is lost with the process

    @property
    def errors(self) -> list[str]:
        """The lines of its log, all of them: asked before it has ended, one may be on its way."""
        assert self.process.poll() is not None, "the log is whole once the process has ended"
        return self._errors

    def send(self, *messages: Message) -> None:
        """Send messages."""
        for message in messages:
            self._outbox.put(frame({"jsonrpc": "2.0", **message}))

    def send_bytes(self, data: bytes) -> None:
        """Send whatever it is."""
        self._outbox.put(data)

    def request(self, number: int | str, method: str, params: Any = None) -> None:
        """Send a request."""
        self.send({"id": number, "method": method, "params": params})

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    def end_input(self) -> None:
        """Close the server's input, once all is sent."""
        self._outbox.put(None)

    def wait_for(self, number: int | str, patience: float = PATIENCE) -> Message:
        """The answer of that id; AssertionError where none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self.fault or self.answers(number), patience)
            found = self.answers(number)
        assert found, f"no answer to {number!r}; {self.fault or 'it still runs'}; {self._errors}"
        return found[0]

    def wait_until(self, accept: Any, patience: float = PATIENCE, since: int = 0) -> Message:
        """The first message, after so many, that `accept` takes; AssertionError for none."""

        def found() -> list[Message]:
            return [message for message in self.received[since:] if accept(message)]

        with self._changed:
            self._changed.wait_for(lambda: self.fault or found(), patience)
            assert found(), f"no such message; {self.fault or 'it still runs'}; {self._errors}"
            return found()[0]

    def answers(self, number: int | str) -> list[Message]:
        """Every answer of that id."""
        return [m for m in self.received if "method" not in m and m.get("id") == number]

    def answers_since(self, number: int | str, start: int) -> list[Message]:
        """The same, of what came after so many messages."""
        news = self.received[start:]
        return [m for m in news if "method" not in m and m.get("id") == number]

    def wait_for_news(self, patience: float) -> None:
        """Wait for any message."""
        with self._changed:
            self._changed.wait(patience)

    def wait_until_sent(self, patience: float = PATIENCE) -> None:
        """Wait until all has been written that was to be sent."""
        sent = Event()
        self._outbox.put(sent)
        sent.wait(patience if self._threads[0].is_alive() else 0)

    def vanish(self) -> None:
        """Read no more: what the server writes from now on has nobody to read it."""
        assert self.process.stdout is not None
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, self.process.stdout.fileno())
        os.close(nothing)

    def seconds_until_gone(self, patience: float = PATIENCE) -> float:
        """How long the process still runs."""
        begun = monotonic()
        self.process.wait(patience)
        for thread in self._threads[1:]:
            thread.join(5)
        return monotonic() - begun

    def _write(self) -> None:
        try:
            while (data := self._outbox.get()) is not None:
                if isinstance(data, Event):
                    data.set()
                    continue
                self._stdin.write(data)
                self._stdin.flush()
            self._stdin.close()
        except (OSError, ValueError):
            return  # the process has ended

    def _read(self, stream: IO[bytes]) -> None:
        try:
            while (body := read_body(stream)) is not None:
                message = parse(body)
                with self._changed:
                    self.received.append(message)
                    self._changed.notify_all()
        except (BenchError, OSError, ValueError) as exc:
            self.fault = str(exc)
        with self._changed:
            self.fault = self.fault or "the server has closed its output"
            self._changed.notify_all()

    def _keep_errors(self) -> None:
        assert self.process.stderr is not None
        try:
            for line in self.process.stderr:
                self._errors.append(line.decode(errors="replace").rstrip())
        except (OSError, ValueError):
            return  # closed, while a child of the server's still holds the other end


def opening(
    root: Path, options: Any = None, *, process: int | None = None, **workspace: Any
) -> Message:
    """The parameters of an `initialize`."""
    return {
        "processId": process,
        "rootUri": root.as_uri(),
        "capabilities": {
            "workspace": workspace,
            "textDocument": {"inlineCompletion": {}},
            "experimental": {"loryStatus": True},
        },
        "initializationOptions": options,
    }


def document(uri: str, text: str, language: str = "python") -> Message:
    """The parameters of a `didOpen`."""
    return {"textDocument": {"uri": uri, "languageId": language, "version": 1, "text": text}}


def place(uri: str, line: int, character: int) -> Message:
    """The parameters of a request for ghost text."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
        "context": {"triggerKind": 1},
    }


def statuses(messages: Iterable[Message]) -> list[tuple[str, str]]:
    """State and message of each status."""
    told = (message for message in messages if message.get("method") == "lory/status")
    return [(message["params"]["state"], message["params"]["message"]) for message in told]


def dumps(value: Any) -> bytes:
    """JSON as a careless client writes it: lone surrogates and all."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
