"""Reads and writes the client's JSON-RPC messages with LSP's header in front."""

import json
from typing import IO, Any

from lsp_server.errors import BenchError
from lsp_server.protocol.wire.framing import FramedInput, framed

Message = dict[str, Any]


def frame(message: Message) -> bytes:
    """The bytes of one message, header and body."""
    return framed(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode())


def read_body(stream: IO[bytes]) -> bytes | None:
    """The next message's body, None at the end of the stream.

    Raises BenchError where something else than the protocol was written, or half a message.
    """
    output = FramedInput(stream)
    body = output.message()
    if output.fault:
        raise BenchError(
            f"the server's standard output: {output.fault}; a language server may print only "
            "protocol messages there: run it by hand to see what it says"
        )
    return body


def parse(body: bytes) -> Message:
    """The message of a body; BenchError where it is not a JSON object."""
    try:
        message = json.loads(body)
    except ValueError as exc:
        raise BenchError(f"expected JSON from the server, found {body[:80]!r}: {exc}") from exc
    if not isinstance(message, dict):
        raise BenchError(f"expected a JSON object from the server, found {body[:80]!r}")
    return message
