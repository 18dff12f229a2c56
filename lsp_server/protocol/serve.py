"""Serves one client over two byte streams."""

import gc
from typing import BinaryIO

from lsp_server.protocol.fast_initialize import answer_initialize
from lsp_server.protocol.wire.framing import FramedInput
from lsp_server.protocol.wire.transport import Output, standard_streams, tcp_streams


def serve(reader: BinaryIO, writer: BinaryIO, followed_seconds: float | None = None) -> int:
    """Serve one client until it goes: 0 after `shutdown`, else 1, as the protocol asks.

    `followed_seconds`: as `Observer.followed_seconds`.
    """
    framed, output = FramedInput(reader), Output(writer)
    first = framed.message()
    answered = None if first is None else answer_initialize(first)
    if answered is not None:
        output.write(answered[1])
    gc.disable()  # what is imported stays
    from lsp_server.protocol.wire.message_loop import (
        run_message_loop,  # slow to import, and an editor waits for the first answer
    )

    gc.enable()
    gc.freeze()
    return run_message_loop(first, framed, output, answered and answered[0], followed_seconds)


def serve_standard_streams(followed_seconds: float | None = None) -> int:
    """Serve the editor that started this process."""
    with standard_streams() as (reader, writer):
        return serve(reader, writer, followed_seconds)


def serve_tcp(port: int) -> int:
    """Serve the first connection to a port of this machine."""
    with tcp_streams(port) as (reader, writer):
        return serve(reader, writer)
