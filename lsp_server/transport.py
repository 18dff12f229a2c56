"""Byte streams: takes an editor's input, gives well-framed messages or one clear fault.

A stream that is out of step never gets back into it, so the first bytes that are no header end the
session.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

LENGTH = re.compile(rb"content-length\s*:\s*(\d{1,10})\s*", re.IGNORECASE)
FIELD = re.compile(rb"[A-Za-z-]+\s*:[^\r\n]*\r?\n")
LONGEST_HEADER = 4096
LARGEST_MESSAGE = 1 << 30
LOOPBACK = "127.0.0.1"


class FramedInput:
    """Reads message by message; once something else comes, the end, and `fault` says why."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.fault = ""

    def message(self) -> bytes | None:
        """The next message's body; None at the end of the input, and after a fault."""
        length: int | None = None
        while not self.fault:
            line = self._stream.readline(LONGEST_HEADER)
            if not line:
                return None
            if line.strip():
                length = self._read_header(line, length)
            elif length is not None:
                return self._read_body(length)
        return None

    def _read_header(self, line: bytes, length: int | None) -> int | None:
        """The body's length, once a header has told it."""
        found = LENGTH.fullmatch(line)
        if found and int(found[1]) <= LARGEST_MESSAGE:
            return int(found[1])
        if found or not FIELD.fullmatch(line) or line.lower().startswith(b"content-length"):
            self.fault = (
                f"expected a header such as 'Content-Length: 52', found {line[:60]!r}; "
                "start this command from an editor"
            )
        return length

    def _read_body(self, size: int) -> bytes | None:
        body = self._stream.read(size)
        if len(body) < size:
            self.fault = (
                f"expected a message of {size} bytes, found {len(body)} and then the end of the "
                "input; see why the editor ended"
            )
            return None
        return body


class Output:
    """Writes whole messages at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Send a message."""
        self._stream.write(data)
        self._stream.flush()

    def close(self) -> None:
        """Send no more."""
        self._stream.close()


@contextmanager
def standard_streams() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Standard input and output, kept for the protocol: what else prints goes to standard error."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        yield sys.stdin.buffer, output
    finally:
        if not output.closed:
            output.close()


@contextmanager
def tcp_streams(port: int) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The streams of the first connection to a port of this machine; from nowhere else."""
    import socket  # editors seldom want it, and wait for what is imported

    with socket.create_server((LOOPBACK, port)) as server:
        sys.stderr.write(f"lory: listening on {LOOPBACK}:{server.getsockname()[1]}\n")
        sys.stderr.flush()
        connection, _ = server.accept()
    with connection, connection.makefile("rb") as reader, connection.makefile("wb") as writer:
        yield cast(BinaryIO, reader), cast(BinaryIO, writer)
