"""Waits until a server has loaded its model and answers.

A server that sends `lory/status` is ready when it says so. Any other is ready with its first
suggestion at the files' own cursors, or when the time for that is over: one that starts to load
with the first request has then had the chance.
"""

from collections.abc import Sequence
from itertools import cycle
from random import Random
from time import monotonic, sleep

from lsp_server.bench.client.editor import EditorSession, Reply, ReplyStatus
from lsp_server.bench.replay.points import choose_points
from lsp_server.bench.texts.files import SourceFile
from lsp_server.errors import BenchError

STATUS = "lory/status"
PAUSE = 0.1
"""Seconds between two warm-up requests."""


def wait_until_ready(session: EditorSession, files: Sequence[SourceFile]) -> str:
    """Asks until the server suggests something or says that it is ready, and with what model.

    Gives the model's name, "" for a server that tells none.
    Raises BenchError where it reports an error, stays loading, or answers no request at all.
    """
    deadline = monotonic() + session.config.ready_timeout
    random = Random(session.config.seed)
    answered = False
    for file in cycle(files):
        wait_while_loading(session, deadline)
        answer = warm_up(session, file, random)
        answered = answered or answer.outcome is not ReplyStatus.TIMEOUT
        state = status_of(session)
        if state == "ready":
            return status_message(session)
        if answer.offers and not state:
            return ""
        if monotonic() > deadline:
            break
        sleep(PAUSE)
    wait_while_loading(session, deadline)
    if not answered:
        raise not_ready(session, "no answer to any request")
    return ""


def wait_while_loading(session: EditorSession, deadline: float) -> None:
    """Returns once the server no longer says that it is loading."""
    while (state := status_of(session)) == "loading":
        if monotonic() > deadline:
            raise not_ready(session, "that it is still loading")
        sleep(PAUSE)
    if state in ("error", "off"):
        raise BenchError(
            f"expected {session.facts.name} to be ready, found its state {state!r}: "
            f"{status_message(session)}"
        )


def warm_up(session: EditorSession, file: SourceFile, random: Random) -> Reply:
    """Asks once, somewhere in the file."""
    session.open(file)
    points = choose_points(file.text, session.config.shortest, random, file.language)
    place = points[0].start if points else len(file.text)
    (answer,) = session.ask_without(place, place + len(points[0].cut) if points else place)
    session.close()
    return answer


def status_of(session: EditorSession) -> str:
    """The latest state that the server told; "" where it tells none."""
    states = [n.params.get("state", "") for n in session.client.notifications if n.method == STATUS]
    return str(states[-1]) if states else ""


def status_message(session: EditorSession) -> str:
    """The latest message beside the state."""
    told = [n.params.get("message") for n in session.client.notifications if n.method == STATUS]
    return str(told[-1]) if told and told[-1] else "no reason given"


def not_ready(session: EditorSession, found: str) -> BenchError:
    """The error for a server that cannot be measured."""
    return BenchError(
        f"expected {session.facts.name} to be ready within {session.config.ready_timeout:g} s, "
        f"found {found}; look into its log or allow more with --ready"
    )
