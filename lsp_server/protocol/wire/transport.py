"""The byte streams of a session: standard input and output, or a connection from this machine."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

LOOPBACK = "127.0.0.1"


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
