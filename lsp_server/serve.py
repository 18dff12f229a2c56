"""Runs the language server: takes two byte streams, gives the process's exit code."""

import logging
import sys
from typing import BinaryIO

from lsp_server.server import create_server
from lsp_server.transport import FramedInput, standard_streams, tcp_streams

FORMAT = "lory: %(levelname)s: %(message)s"


def serve(reader: BinaryIO, writer: BinaryIO) -> int:
    """Serve one client until it goes: 0 after `shutdown`, else 1, as the protocol asks."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format=FORMAT)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # the server reports what it says
    server, framed = create_server(), FramedInput(reader)
    server.start_io(framed, writer)  # type: ignore[arg-type]  # only these two methods are used
    server.session.end()
    if framed.fault:
        logging.getLogger(__name__).error("%s", framed.fault)
        return 1
    return 0 if server.protocol.was_shut_down else 1


def serve_standard_streams() -> int:
    """Serve the editor that started this process."""
    with standard_streams() as (reader, writer):
        return serve(reader, writer)


def serve_tcp(port: int) -> int:
    """Serve the first connection to a port of this machine."""
    with tcp_streams(port) as (reader, writer):
        return serve(reader, writer)
