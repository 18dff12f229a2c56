"""Reads the client's messages and passes them to the server until either ends.

Messages are read on a thread of their own, whole, so that the event loop wakes once for each: it
shares the interpreter with the engine's thread, and every wake may have to wait for that one.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import BoundedSemaphore, Thread

from lsp_server.protocol.handlers import create_server
from lsp_server.protocol.wire.ending import Ending
from lsp_server.protocol.wire.framing import FramedInput
from lsp_server.protocol.wire.messages import says_goodbye
from lsp_server.protocol.wire.transport import Output

FORMAT = "lory: %(levelname)s: %(message)s"
LOOKAHEAD = 64
"""Messages that are read before the first of them is handled, at most."""
LONGEST_GOODBYE = 4096
"""Bytes; a longer message that speaks of an exit is looked at in its turn alone."""
SWITCH_SECONDS = 0.0005
"""How long the engine's Python code may keep the event loop waiting; Python's own is 0.005."""

log = logging.getLogger(__name__)


def run_message_loop(
    first: bytes | None,
    framed: FramedInput,
    output: Output,
    initialize_id: int | str | None,
    followed_seconds: float | None,
) -> int:
    """The process's exit code: 0 after `shutdown`, else 1, as the protocol asks.

    `first` is the message that was read already; `initialize_id` its id, if it is answered already.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format=FORMAT)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # the server reports what it says
    sys.setswitchinterval(SWITCH_SECONDS)
    server = create_server()
    server.protocol.set_writer(output)
    server.protocol.initialize_id = initialize_id
    server.session.feedback.followed_seconds = followed_seconds

    def exit_code() -> int:
        return 0 if server.protocol.was_shut_down and not framed.fault else 1

    async def handle_messages() -> None:
        loop = asyncio.get_running_loop()
        ending = Ending(loop, exit_code)
        output.when_gone = server.protocol.when_over = ending.begin
        if output.gone:  # since before anybody listened
            ending.begin()

        def deliver(body: bytes, taken: Callable[[], None]) -> None:
            loop.call_soon_threadsafe(server.take, body, taken)

        read = partial(read_messages, framed, first, deliver, ending)
        Thread(target=read, name="lory-input", daemon=True).start()
        await ending.wait()

    with suppress(KeyboardInterrupt, SystemExit):
        asyncio.run(
            handle_messages()
        )  # cancels what is pending: its answers are sent before the end
    output.close()
    server.session.end()
    if framed.fault:
        logging.getLogger(__name__).error("%s; start this command from an editor", framed.fault)
    return exit_code()


def read_messages(
    framed: FramedInput,
    body: bytes | None,
    deliver: Callable[[bytes, Callable[[], None]], None],
    ending: Ending,
) -> None:
    """Deliver messages in their order, `body` first, until the input ends, however it does."""
    room = BoundedSemaphore(LOOKAHEAD)
    try:
        while body is not None:
            room.acquire()
            deliver(body, room.release)
            if may_say_goodbye(body):
                ending.expect()  # handled in its turn, unless the event loop waits for the client
            body = framed.message()
    except (OSError, RuntimeError, ValueError) as exc:  # the stream or the loop is closed
        log.debug("the input broke off: %s", exc)
    finally:
        ending.begin()


def may_say_goodbye(body: bytes) -> bool:
    """Whether a message is the last one that a client sends, as far as its bytes tell."""
    if b'"exit"' not in body or len(body) > LONGEST_GOODBYE:
        return False
    with suppress(ValueError, RecursionError):
        return says_goodbye(json.loads(body))
    return False
