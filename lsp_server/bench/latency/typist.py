"""Types faster than anybody, and records how the server answers each key.

Keys come at a fixed rate, whatever the server does. Each sends an edit, a cheap request whose
answer says that the edit was taken, and a request for ghost text. Every other key first cancels the
request before it, as some editors do; the rest leave it to be superseded.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, islice
from math import inf
from pathlib import Path
from time import perf_counter, sleep

from lsp_server.bench.client.editor import EditorSession
from lsp_server.bench.client.handshake import Workspace, initialize
from lsp_server.bench.client.lsp_client import LspClient, Response
from lsp_server.bench.client.process import resident_megabytes
from lsp_server.bench.client.server_counters import STATISTICS
from lsp_server.bench.config import LoadConfig, ReplayConfig
from lsp_server.bench.replay.readiness import wait_until_ready
from lsp_server.bench.texts.files import SourceFile
from lsp_server.errors import BenchError

CANCELLED = -32800
"""LSP's error code RequestCancelled."""
SETTLED_AFTER = 0.25
"""Share of the keys before the server's memory is looked at for the first time."""


class Fate(StrEnum):
    """What became of a request for ghost text."""

    ANSWERED = "answered"
    SUPERSEDED = "superseded"
    """Answered with null."""
    CANCELLED = "cancelled"
    ERROR = "error"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Key:
    """One key's outcome, in seconds from sending the edit; infinite where no answer came."""

    fate: Fate
    answered: float
    """Until the answer to the request for ghost text."""
    taken: float
    """Until the answer that says that the edit was taken."""
    busy: bool
    """Whether the edit was sent while the completion before it was still being made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRecords:
    """Everything that was measured."""

    server: str
    """Name and version, as the server tells them."""
    model: str
    keys: tuple[Key, ...]
    seconds: float
    """That the typing took."""
    megabytes: tuple[float, ...]
    """The server's resident memory: once settled, in the middle, at the end; empty if not told."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A key whose requests are under way."""

    at: float
    taken: int
    """The id of the request that says that the edit was taken."""
    completion: int


def type_fast(config: LoadConfig, source: Path, root: Path) -> LoadRecords:
    """Types into a server whose workspace is `root`.

    Raises BenchError where it cannot be started, ends or breaks the protocol.
    """
    text = long_text(source, config.lines)
    place = text.index("\n", len(text) // 2) + 1
    typed = text[place : place + config.keys]
    end = text.index("\n", place + len(typed))  # keys at the ends of lines, as most are
    with LspClient(config.command, root, configuration=config.options) as client:
        workspace = Workspace(root=root, options=config.options)
        facts = initialize(client, workspace, config.patience)
        session = EditorSession(client, facts, ReplayConfig(command=config.command))
        file = SourceFile(root=root.resolve(), path="typed_fast.py", text=text)
        model = wait_until_ready(session, [file])
        session.open(file)
        session.replace(place, end, "")
        typist = Typist(session, config, place)
        started = perf_counter()
        for character in typed:
            typist.press(character)
        seconds = perf_counter() - started
        keys = typist.outcomes()
    name = f"{facts.name} {facts.version}".strip()
    return LoadRecords(
        server=name, model=model, keys=keys, seconds=seconds, megabytes=tuple(typist.megabytes)
    )


def long_text(source: Path, lines: int) -> str:
    """The file's text, over and over, until it has that many lines."""
    try:
        rows = source.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as exc:
        raise BenchError(f"expected a UTF-8 text file to type from, found {source}: {exc}") from exc
    if not any(rows):
        raise BenchError(f"expected lines to type in {source}, found none; name another file")
    return "\n".join(islice(cycle(rows), lines)) + "\n"


class Typist:
    """Presses keys at the configured rate, and keeps what was asked."""

    def __init__(self, session: EditorSession, config: LoadConfig, place: int) -> None:
        self.megabytes: list[float] = []
        self._session = session
        self._config = config
        self._place = place
        self._pressed: list[Pressed] = []
        self._due = perf_counter()
        total = config.keys
        self._looks = {int(total * share) for share in (SETTLED_AFTER, 0.5)} | {total - 1}

    def press(self, character: str) -> None:
        """Waits until it is time, then sends all that a key sends."""
        self._due += 1 / self._config.rate
        sleep(max(0.0, self._due - perf_counter()))
        client, number = self._session.client, len(self._pressed)
        if number % 2 and self._pressed:
            client.cancel(self._pressed[-1].completion)
        at = perf_counter()
        self._session.replace(self._place, self._place, character)
        self._place += 1
        taken = client.start_request(STATISTICS, None)
        self._pressed.append(Pressed(at, taken, self._session.start(self._place)))
        if number in self._looks and (found := resident_megabytes(client.process.pid)) is not None:
            self.megabytes.append(found)

    def outcomes(self) -> tuple[Key, ...]:
        """What became of every key, once all are answered or the patience is over."""
        deadline = perf_counter() + self._config.patience
        keys: list[Key] = []
        busy_until = 0.0
        for pressed in self._pressed:
            answer = self._wait(pressed.completion, deadline)
            answered, taken = moment_of(answer), moment_of(self._wait(pressed.taken, deadline))
            busy, busy_until = pressed.at < busy_until, answered
            keys.append(Key(fate_of(answer), answered - pressed.at, taken - pressed.at, busy))
        return tuple(keys)

    def _wait(self, request: int, deadline: float) -> Response | None:
        return self._session.client.wait(request, max(0.0, deadline - perf_counter()))


def moment_of(response: Response | None) -> float:
    """When an answer came; never, if none did."""
    return inf if response is None else response.received_at


def fate_of(response: Response | None) -> Fate:
    """What an answer to a request for ghost text means."""
    if response is None:
        return Fate.UNANSWERED
    if response.error is not None:
        return Fate.CANCELLED if response.error.code == CANCELLED else Fate.ERROR
    return Fate.SUPERSEDED if response.result is None else Fate.ANSWERED
