"""Byte streams: takes an editor's input, gives well-framed messages or one clear fault.

pygls skips what it does not understand and waits; a stream that is out of step never gets back into
it, so the first bytes that are no header end the session.
"""

import os
import re
import socket
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
    """Reads as pygls asks, header line by header line and then the body.

    Once something else than a message comes, it gives the end of the input, and `fault` says why.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.fault = ""

    def readline(self) -> bytes:
        """One header line in the form that pygls knows; empty at the end."""
        line = self._stream.readline(LONGEST_HEADER)
        if not line or not line.strip():
            return line and b"\r\n"
        length = LENGTH.fullmatch(line)
        if length and int(length[1]) <= LARGEST_MESSAGE:
            return b"Content-Length: %d\r\n" % int(length[1])
        if length or not FIELD.fullmatch(line) or line.lower().startswith(b"content-length"):
            return self._stop(
                f"expected a header such as 'Content-Length: 52', found {line[:60]!r}; "
                "start this command from an editor"
            )
        return line

    def read(self, size: int) -> bytes:
        """A message's body; empty where it breaks off."""
        body = self._stream.read(size)
        if len(body) < size:
            return self._stop(
                f"expected a message of {size} bytes, found {len(body)} and then the end of the "
                "input; see why the editor ended"
            )
        return body

    def _stop(self, fault: str) -> bytes:
        self.fault = fault
        return b""


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
    with socket.create_server((LOOPBACK, port)) as server:
        sys.stderr.write(f"lory: listening on {LOOPBACK}:{server.getsockname()[1]}\n")
        sys.stderr.flush()
        connection, _ = server.accept()
    with connection, connection.makefile("rb") as reader, connection.makefile("wb") as writer:
        yield cast(BinaryIO, reader), cast(BinaryIO, writer)
