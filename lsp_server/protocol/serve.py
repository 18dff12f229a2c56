"""Runs the language server: takes two byte streams, gives the process's exit code."""

import gc
from typing import BinaryIO

from lsp_server.protocol.fast_initialize import greet
from lsp_server.protocol.wire.transport import FramedInput, Output, standard_streams, tcp_streams


def serve(reader: BinaryIO, writer: BinaryIO, followed_seconds: float | None = None) -> int:
    """Serve one client until it goes: 0 after `shutdown`, else 1, as the protocol asks.

    `followed_seconds`: as `Observer.followed_seconds`.
    """
    framed, output = FramedInput(reader), Output(writer)
    first = framed.message()
    greeting = None if first is None else greet(first)
    if greeting is not None:
        output.write(greeting[1])
    gc.disable()  # what is imported stays
    from lsp_server.protocol.wire.message_loop import (
        hold,  # slow to import, and an editor waits for the greeting
    )

    gc.enable()
    gc.freeze()
    return hold(first, framed, output, greeting and greeting[0], followed_seconds)


def serve_standard_streams(followed_seconds: float | None = None) -> int:
    """Serve the editor that started this process."""
    with standard_streams() as (reader, writer):
        return serve(reader, writer, followed_seconds)


def serve_tcp(port: int) -> int:
    """Serve the first connection to a port of this machine."""
    with tcp_streams(port) as (reader, writer):
        return serve(reader, writer)
