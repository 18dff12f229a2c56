"""Reads and writes the client's JSON-RPC messages with LSP's header in front."""

import json
from typing import IO, Any

from lsp_server.errors import BenchError

LONGEST_HEADER = 4096
"""Bytes; a longer first line is no header."""

Message = dict[str, Any]


def frame(message: Message) -> bytes:
    """The bytes of one message, header and body."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def read_body(stream: IO[bytes]) -> bytes | None:
    """The next message's body, None at the end of the stream.

    Raises BenchError where something else than the protocol was written, or half a message.
    """
    length = read_header(stream)
    if length is None:
        return None
    body = stream.read(length)
    if len(body) < length:
        raise BenchError(
            f"expected a message of {length} bytes from the server, found {len(body)} bytes and "
            "then the end of its output; run it by hand to see why it ended"
        )
    return body


def read_header(stream: IO[bytes]) -> int | None:
    """Length in bytes of the body that follows; None at the end of the stream."""
    length: int | None = None
    while line := stream.readline(LONGEST_HEADER):
        if not line.strip():
            if length is None:
                raise not_a_header(line)
            return length
        name, colon, value = line.partition(b":")
        if not colon or not line.endswith(b"\n"):
            raise not_a_header(line)
        if name.strip().lower() == b"content-length":
            if not value.strip().isdigit():
                raise not_a_header(line)
            length = int(value)
    return None


def not_a_header(line: bytes) -> BenchError:
    """The error for output that is no LSP message."""
    return BenchError(
        f"expected a Content-Length header on the server's standard output, found {line[:80]!r}; "
        "a language server may print only protocol messages there"
    )


def parse(body: bytes) -> Message:
    """The message of a body; BenchError where it is not a JSON object."""
    try:
        message = json.loads(body)
    except ValueError as exc:
        raise BenchError(f"expected JSON from the server, found {body[:80]!r}: {exc}") from exc
    if not isinstance(message, dict):
        raise BenchError(f"expected a JSON object from the server, found {body[:80]!r}")
    return message
