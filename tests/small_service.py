"""A service that completes as it is told to, well or badly, and remembers what it was sent."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

Tokens = Sequence[tuple[str, float]]
Answer = Callable[["Handler"], None]
ANSWER: Tokens = (("get", -0.1), ("cwd", -0.05), ("()", -0.02), ("\n", -0.1))


@dataclass(slots=True)
class Service:
    """One that listens on this machine."""

    answer: Answer
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of requests, with their `path` and `authorization`."""
    raw: list[bytes] = field(default_factory=list)
    hung_up: Event = field(default_factory=Event)
    """Somebody has closed a connection before the answer was whole."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    service: Service

    def do_POST(self) -> None:
        """Remember the question, and answer."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.service.raw.append(raw)
        seen = {"path": self.path, "authorization": self.headers.get("Authorization", "")}
        self.service.asked.append({**json.loads(raw), "_": seen})
        try:
            self.service.answer(self)
        except OSError:
            self.service.hung_up.set()
        self.close_connection = True

    def begin(self, status: int = 200, **headers: str) -> None:
        """The head of an answer whose end is that of the connection."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()

    def send(self, text: str) -> None:
        """A part of the answer."""
        self.wfile.write(text.encode())
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def small_service(answer: Answer, port: int = 0) -> Iterator[Service]:
    """A service that answers so, until the block ends."""
    service = Service(answer)
    handler = type("Bound", (Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_llama_cpp(tokens: Tokens = ANSWER, tops: Sequence[Tokens] = (), model: str = "m") -> Answer:
    """An answer as llama.cpp streams it."""

    def answer(handler: Handler) -> None:
        handler.begin()
        for at, (text, logprob) in enumerate(tokens):
            others = tops[at] if at < len(tops) else [(text, logprob)]
            listed = [{"token": token, "logprob": value} for token, value in others]
            rated = {"token": text, "logprob": logprob, "top_logprobs": listed}
            event = {"content": text, "stop": False, "completion_probabilities": [rated]}
            handler.send(f"data: {json.dumps(event)}\n\n")
        end = {"content": "", "stop": True, "stop_type": "eos", "model": model}
        handler.send(f"data: {json.dumps(end)}\n\n")

    return answer


def as_text(text: str) -> Answer:
    """An answer of just this text."""

    def answer(handler: Handler) -> None:
        handler.begin()
        handler.send(text)

    return answer
