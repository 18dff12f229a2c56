"""Reads and writes framed messages on byte streams.

A stream that is out of step never gets back into it, so the first bytes that are no header end the
session.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    """Writes whole messages at once; nothing more once the client has gone.

    That is one state for good: a write that fails is told to `when_gone`, never to the client.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.when_gone: Callable[[], None] = lambda: None
        self._stream = stream
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether nobody reads any more."""
        return self._gone

    def write(self, data: bytes) -> None:
        """Send a message, if there is somebody to send it to."""
        if self._gone:
            return
        try:
            self._stream.write(data)
            self._stream.flush()
        except (OSError, ValueError):  # broken, or closed
            self.close()

    def close(self) -> None:
        """Send no more."""
        if not self._gone:
            self._gone = True
            close_quietly(self._stream)
            self.when_gone()


def close_quietly(stream: BinaryIO) -> None:
    """Close a stream that may be broken: what it still holds is lost with its reader."""
    with suppress(OSError, ValueError):
        stream.close()


@contextmanager
def standard_streams() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Standard input and output, kept for the protocol: what else prints goes to standard error."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        yield sys.stdin.buffer, output
    finally:
        close_quietly(output)


@contextmanager
def tcp_streams(port: int) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The streams of the first connection to a port of this machine; from nowhere else."""
    import socket  # editors seldom want it, and wait for what is imported

    with socket.create_server((LOOPBACK, port)) as server:
        sys.stderr.write(f"lory: listening on {LOOPBACK}:{server.getsockname()[1]}\n")
        sys.stderr.flush()
        connection, _ = server.accept()
    reader, writer = connection.makefile("rb"), connection.makefile("wb")
    try:
        yield cast(BinaryIO, reader), cast(BinaryIO, writer)
    finally:
        close_quietly(cast(BinaryIO, writer))
        with suppress(OSError):  # the other side was faster
            connection.shutdown(socket.SHUT_RDWR)  # also ends a read that a thread waits in
