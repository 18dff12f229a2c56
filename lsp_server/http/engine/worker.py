"""The process that runs the model for the service, job by job, each a line of JSON.

It ends with its owner. What it prints besides its answers goes to standard error.
"""

import json
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping
from threading import Condition, Event, Thread
from typing import IO, Any

COMPLETE, TOKENIZE, DETOKENIZE = "complete", "tokenize", "detokenize"
FAULT, READY = "fault", "ready"


class Inbox:
    """Jobs that wait, read on a thread of their own so that one may be cancelled while it runs."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._changed = Condition()
        self._jobs: deque[tuple[dict[str, Any], Event]] = deque()
        self._running: tuple[int, Event] | None = None
        Thread(target=self._read, name="lory-inbox", daemon=True).start()

    def next(self) -> tuple[dict[str, Any], Event]:
        """Wait for a job; with what says that nobody waits for it any more."""
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._jobs)
            job, cancelled = self._jobs.popleft()
            self._running = job["id"], cancelled
            return job, cancelled

    def _read(self) -> None:
        for line in self._stream:
            message = json.loads(line)
            with self._changed:
                if "cancel" in message:
                    self._cancel(message["cancel"])
                else:
                    self._jobs.append((message, Event()))
                    self._changed.notify()
        os._exit(0)  # whoever started this process is gone

    def _cancel(self, number: int) -> None:
        waiting = [(job["id"], cancelled) for job, cancelled in self._jobs]
        for known, cancelled in (*waiting, *filter(None, [self._running])):
            if known == number:
                cancelled.set()


def claim_output() -> IO[bytes]:
    """The stream for answers; whatever else prints to standard output goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return answers


def main() -> None:
    """Load what the first line says, then answer jobs until the input ends.

    A signal to end goes to the whole group of processes, but the service may still need this one.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    answers = claim_output()
    start = json.loads(sys.stdin.buffer.readline() or b"null")
    if start is None:
        sys.exit(1)

    def tell(message: Mapping[str, Any]) -> None:
        answers.write(json.dumps(message).encode() + b"\n")

    from lsp_server.errors import LoryError

    try:
        from lsp_server.http.engine.completing import Completing, read_settings_of

        settings = read_settings_of(start["settings"])
        completing = Completing(settings, start["documents"], report)
        warm_up(completing)
    except LoryError as exc:
        tell({FAULT: str(exc)})
        sys.exit(2)
    tell({READY: completing.facts.as_json(), "pid": os.getpid()})
    inbox = Inbox(sys.stdin.buffer)
    while True:
        job, cancelled = inbox.next()
        tell({"id": job["id"], **answer(completing, job, cancelled)})


def report(message: str) -> None:
    """Say what goes wrong beside completing."""
    sys.stderr.write(f"lory engine: {message}\n")


def warm_up(completing: Any) -> None:
    """Complete once, so that nobody waits longer for being first, and faults show early."""
    from lsp_server.http.completion import CompletionRequest

    completing.complete(CompletionRequest(prefix="import os\nos.", max_tokens=4), "", Event())


def answer(completing: Any, job: Mapping[str, Any], cancelled: Event) -> dict[str, Any]:
    """What a job comes to; a job that fails takes no other with it."""
    from lsp_server.http.completion import request_from

    if cancelled.is_set():
        return {"cancelled": True}
    try:
        if job["kind"] == TOKENIZE:
            return {"ids": completing.tokenize(job["text"])}
        if job["kind"] == DETOKENIZE:
            return {"text": completing.detokenize(job["ids"])}
        request = request_from(job["request"])
        return {"completion": completing.complete(request, job["owner"], cancelled).as_json()}
    except Exception as exc:  # a poisoned request fails alone
        report(f"a request failed: {type(exc).__name__}")  # the message may hold text
        return {FAULT: type(exc).__name__}
