"""A client's session: takes its messages, gives them to the server, until one of both goes.

Messages are read on a thread of their own, whole, so that the event loop wakes once for each: it
shares the interpreter with the engine's thread, and every wake may have to wait for that one.
"""

import asyncio
import json
import logging
import sys
from contextlib import suppress
from threading import BoundedSemaphore, Thread

from lsp_server.language_server import LoryServer
from lsp_server.server import create_server
from lsp_server.transport import FramedInput, Output

FORMAT = "lory: %(levelname)s: %(message)s"
LOOKAHEAD = 64
"""Messages that are read before the first of them is handled, at most."""
SWITCH_SECONDS = 0.0005
"""How long the engine's Python code may keep the event loop waiting; Python's own is 0.005."""


def hold(
    first: bytes | None, framed: FramedInput, output: Output, greeted: int | str | None
) -> int:
    """The process's exit code: 0 after `shutdown`, else 1, as the protocol asks.

    `first` is the message that was read already; `greeted` its id, if it has its answer too.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format=FORMAT)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # the server reports what it says
    sys.setswitchinterval(SWITCH_SECONDS)
    server = create_server()
    server.protocol.set_writer(output)
    server.protocol.greeted = greeted
    with suppress(KeyboardInterrupt, SystemExit):  # `exit` ends the event loop
        asyncio.run(converse(server, framed, first))
    server.session.end()
    if framed.fault:
        logging.getLogger(__name__).error("%s", framed.fault)
        return 1
    return 0 if server.protocol.was_shut_down else 1


async def converse(server: LoryServer, framed: FramedInput, first: bytes | None) -> None:
    """Handle messages in their order until the input or the client's reading ends."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    room = BoundedSemaphore(LOOKAHEAD)

    def take(body: bytes) -> None:
        room.release()
        try:
            server.take(body)
        except BrokenPipeError:
            ended.set()

    def read(body: bytes | None) -> None:
        with suppress(OSError, RuntimeError, ValueError):  # the stream or the loop is closed
            while body is not None:
                room.acquire()
                loop.call_soon_threadsafe(take, body)
                if says_goodbye(body):
                    return  # a thread that waits for input would keep the interpreter from ending
                body = framed.message()
            loop.call_soon_threadsafe(ended.set)

    Thread(target=read, args=(first,), name="lory-input", daemon=True).start()
    await ended.wait()


def says_goodbye(body: bytes) -> bool:
    """Whether a message is the last one that a client sends."""
    if b'"exit"' not in body:
        return False
    with suppress(ValueError, RecursionError):
        message = json.loads(body)
        return isinstance(message, dict) and message.get("method") == "exit"
    return False
