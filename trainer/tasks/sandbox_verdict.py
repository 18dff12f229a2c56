"""Follows a sandboxed program to its end, and judges how it ended."""

import json
import os
import secrets
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from signal import SIGKILL, SIGXCPU
from typing import Any

from trainer.errors import SandboxError

START_SECONDS = 60.0
"""Wall time for the interpreter to start and the sandbox to close, on a busy machine."""
CHUNK_BYTES = 65_536
LONGEST_REPORT = 65_536
"""Bytes of one line of the sandbox's report; its own are far shorter."""


class Verdict(StrEnum):
    """How a program ended."""

    PASSED = "passed"
    FAILED = "failed"
    """An exception, a failed assertion, or an end before its last line."""
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class ProgramResult:
    """One program's end."""

    verdict: Verdict
    detail: str

    @property
    def passed(self) -> bool:
        """Whether the program ran through its last line."""
        return self.verdict is Verdict.PASSED


def send(process: "subprocess.Popen[bytes]", text: str) -> None:
    """Text into the sandbox; one that is gone is noticed where its report is read."""
    assert process.stdin
    rest = memoryview(text.encode())
    with suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(process.stdin.fileno(), rest) :]


def conclude(
    process: "subprocess.Popen[bytes]", wall_seconds: float, output_bytes: int
) -> ProgramResult:
    """Follow the sandbox's output and report until the program's end is known.

    At most `wall_seconds` from where it starts, whatever it writes meanwhile; nothing is kept of
    its output. Raises SandboxError where the sandbox does not stand.
    """
    word = secrets.token_hex(16)
    clock = Clock(time.monotonic() + START_SECONDS)
    started, printed, rest = False, 0, b""
    for is_report, chunk in read_chunks(process, clock):
        if not is_report:
            printed += len(chunk)
            if printed > output_bytes:
                return ProgramResult(Verdict.OUTPUT, f"more than {output_bytes} bytes of output")
            continue
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > LONGEST_REPORT:
            return ProgramResult(Verdict.FAILED, "forged report")
        for line in lines:
            if started:
                return read_verdict(line, word)
            check_started(line)
            started = True
            clock.end = time.monotonic() + wall_seconds
            send(process, word)
    if not started:
        raise SandboxError(f"the sandbox did not start: {last_line(rest) or 'no report'}")
    return read_status(process, clock)


@dataclass(slots=True)
class Clock:
    """The moment, of time.monotonic(), at which patience ends."""

    end: float

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(0.0, self.end - time.monotonic())


def read_chunks(process: "subprocess.Popen[bytes]", clock: Clock) -> Iterator[tuple[bool, bytes]]:
    """(whether it is report, bytes) as they come, until both streams end or the clock does."""
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            assert stream
            selector.register(stream, selectors.EVENT_READ, stream is process.stderr)
        while selector.get_map() and clock.left:
            for key, _ in selector.select(clock.left):
                chunk = os.read(key.fd, CHUNK_BYTES)
                if chunk:
                    yield key.data, chunk
                else:
                    selector.unregister(key.fileobj)


def check_started(line: bytes) -> None:
    """Raise SandboxError unless the sandbox's first line says that its walls stand."""
    message = parse_message(line)
    if "ready" not in message:
        reason = message.get("error", last_line(line))
        raise SandboxError(f"the isolation asked for cannot be had here: {reason}")


def read_verdict(line: bytes, word: str) -> ProgramResult:
    """The outcome that the sandbox reports; a pass without the word is a program that lied."""
    message = parse_message(line)
    detail = str(message.get("detail", ""))
    match message.get("verdict"):
        case "passed" if secrets.compare_digest(detail.encode(), word.encode()):
            return ProgramResult(Verdict.PASSED, "")
        case "memory":
            return ProgramResult(Verdict.MEMORY, detail)
        case "failed":
            return ProgramResult(Verdict.FAILED, detail)
    return ProgramResult(Verdict.FAILED, "forged report")


def read_status(process: "subprocess.Popen[bytes]", clock: Clock) -> ProgramResult:
    """The outcome of a program that never reported: how its process ended, if it did in time."""
    try:
        status = process.wait(clock.left)
    except subprocess.TimeoutExpired:
        return ProgramResult(Verdict.TIMEOUT, "wall time")
    if status in (128 + SIGXCPU, 128 + SIGKILL):
        return ProgramResult(Verdict.TIMEOUT, "processor time")
    return ProgramResult(Verdict.FAILED, f"ended before its last line, with status {status}")


def parse_message(line: bytes) -> dict[str, Any]:
    """A line of the report; empty where it is not one."""
    with suppress(ValueError):
        message = json.loads(line)
        if isinstance(message, dict):
            return message
    return {}


def last_line(text: bytes) -> str:
    """The last line of what a failing interpreter printed."""
    return text.decode(errors="replace").strip().rpartition("\n")[2]
