"""Types for hours in a project that git changes, to find leaks and slowdowns.

A minute is keys at a steady rate in one of several documents, suggestions taken now and then, and
one change of the project: another branch, a rebase, many files written again. What an editor would
tell of it is told: every file that has changed, in one message.
"""

import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from time import perf_counter, sleep
from typing import Any

from lsp_server.bench.client.editor import EditorSession, ReplyStatus
from lsp_server.bench.client.handshake import Workspace, initialize
from lsp_server.bench.client.lsp_client import LspClient
from lsp_server.bench.client.process import resident_megabytes
from lsp_server.bench.client.server_counters import STATISTICS
from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.texts.files import SourceFile
from lsp_server.errors import BenchError

MAIN, OTHER = "main", "other"
WATCHED = "workspace/didChangeWatchedFiles"
CHANGED = 2
"""LSP's FileChangeType."""
FOLDERS = 40
OPENED = 6
"""Documents that are typed in by turns."""
TAKEN = 0.3
"""Share of the suggestions that are taken."""
IDENTITY = ("-c", "user.name=soak", "-c", "user.email=soak@localhost")


@dataclass(frozen=True, kw_only=True)
class SoakConfig:
    """One long session of one server."""

    command: tuple[str, ...]
    """The server's command line."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """initializationOptions, also what workspace/configuration answers from."""
    minutes: float = 480.0
    """Of typing."""
    rate: float = 5.0
    """Keys per second."""
    files: int = 10_000
    """Of the project; all are written again by one of its changes."""
    every: float = 60.0
    """Seconds between two changes of the project."""
    seed: int = 0
    patience: float = 120.0
    """Seconds for an answer."""

    def __post_init__(self) -> None:
        for name in ("minutes", "rate", "files", "every", "patience"):
            if getattr(self, name) <= 0:
                raise BenchError(f"expected {name} above 0, found {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One minute's figures."""

    minute: int
    event: str
    """What happened to the project."""
    changed: int
    """Files that it changed."""
    keys: int
    unanswered: int
    p50: float
    """Milliseconds from a key to its answer."""
    p95: float
    most: float
    megabytes: float
    """The server's resident memory at the end."""
    files: int
    """That the server says it knows of the project."""


class Project:
    """A git repository with two branches that differ in half of its files."""

    def __init__(self, root: Path, files: int, rng: random.Random) -> None:
        self.root = root
        self.names = [f"part{number % FOLDERS}/module{number}.py" for number in range(files)]
        self._random = rng
        self._commits = 0
        self.git("init", "-q", "-b", MAIN)
        self.write(self.names)
        self.commit()
        self.git("checkout", "-q", "-b", OTHER)
        self.write(self.names[::2])
        self.commit()
        self.git("checkout", "-q", MAIN)

    def git(self, *words: str) -> str:
        """What a git command prints; BenchError where it fails."""
        done = subprocess.run(
            ["git", *IDENTITY, *words], cwd=self.root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchError(f"expected git {words[0]} to work, found: {done.stderr.strip()}")
        return done.stdout

    def write(self, names: Sequence[str]) -> None:
        """Write files anew."""
        for name in names:
            path = self.root / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(self.source(name), encoding="utf-8")

    def source(self, name: str) -> str:
        """A file's text, another one each time."""
        word = Path(name).stem
        lines = [f'"""Module {word}."""\n\nimport os\n']
        for number in range(self._random.randrange(2, 8)):
            value = self._random.randrange(1_000)
            lines.append(
                f"\ndef {word}_{number}(name: str, size: int = {value}) -> str:\n"
                f"    path = os.path.join(name, '{word}')\n"
                f"    return path[:size]\n"
            )
        return "\n".join(lines)

    def commit(self) -> None:
        """Commit everything."""
        self._commits += 1
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", f"commit {self._commits}")

    def change(self, number: int) -> tuple[str, list[str]]:
        """The next event: its name and the files that it changed."""
        events = (self.switch, self.touch, self.switch, self.rebase, self.nothing, self.remove)
        return events[number % len(events)]()

    def switch(self) -> tuple[str, list[str]]:
        """The other branch."""
        here = self.git("rev-parse", "--abbrev-ref", "HEAD").strip()
        there = OTHER if here == MAIN else MAIN
        changed = self.between(here, there)
        self.git("checkout", "-q", "-f", there)
        return f"checkout {there}", changed

    def touch(self) -> tuple[str, list[str]]:
        """Every file is written again, as a formatter would."""
        self.write(self.names)
        self.commit()
        return "all files written", self.names

    def rebase(self) -> tuple[str, list[str]]:
        """The other branch onto this one, with its own side of each conflict."""
        self.git("checkout", "-q", "-f", OTHER)
        before = self.git("rev-parse", "HEAD").strip()
        self.git("rebase", "-q", "-X", "theirs", MAIN)
        return "rebase", self.between(before, "HEAD")

    def nothing(self) -> tuple[str, list[str]]:
        """A quiet minute."""
        return "nothing", []

    def remove(self) -> tuple[str, list[str]]:
        """Some files go and come back under the next branch."""
        gone = self._random.sample(self.names, max(1, len(self.names) // 20))
        for name in gone:
            (self.root / name).unlink(missing_ok=True)
        return "files removed", gone

    def between(self, one: str, other: str) -> list[str]:
        """The files that two commits differ in."""
        return self.git("diff", "--name-only", one, other).split()


def soak(config: SoakConfig, root: Path) -> Iterator[Minute]:
    """Each minute's figures, in a fresh project in `root`; BenchError where the server ends."""
    rng = random.Random(config.seed)
    project = Project(root, config.files, rng)
    with LspClient(config.command, root, configuration=config.options) as client:
        workspace = Workspace(root=root, options=config.options)
        facts = initialize(client, workspace, config.patience)
        replay = ReplayConfig(command=config.command, timeout=config.patience)
        writer = Writer(EditorSession(client, facts, replay), project, rng, config)
        begun = perf_counter()
        number = 0
        while perf_counter() - begun < config.minutes * 60:
            yield writer.minute(number)
            number += 1


class Writer:
    """Types, a minute at a time."""

    def __init__(
        self, session: EditorSession, project: Project, rng: random.Random, config: SoakConfig
    ) -> None:
        self._session = session
        self._project = project
        self._random = rng
        self._config = config

    def minute(self, number: int) -> Minute:
        """One change of the project, and the keys of the rest of the minute."""
        begun = perf_counter()
        event, changed = self._project.change(number)
        uris = [(self._project.root / name).as_uri() for name in changed]
        changes = [{"uri": uri, "type": CHANGED} for uri in uris]
        client = self._session.client
        if changes:
            client.notify(WATCHED, {"changes": changes})
        name = self._project.names[number % OPENED]
        text = self._project.source(name)
        self._session.open(SourceFile(root=self._project.root.resolve(), path=name, text=""))
        milliseconds, unanswered = self._type(text, begun + self._config.every)
        self._session.close()
        known = client.request(STATISTICS, None, self._config.patience).result["project"] or {}
        cuts = quantiles(milliseconds, n=20) if len(milliseconds) > 1 else milliseconds * 19
        return Minute(
            minute=number,
            event=event,
            changed=len(changed),
            keys=len(milliseconds),
            unanswered=unanswered,
            p50=cuts[9],
            p95=cuts[18],
            most=max(milliseconds),
            megabytes=resident_megabytes(client.process.pid) or 0.0,
            files=known.get("files", 0),
        )

    def _type(self, text: str, until: float) -> tuple[list[float], int]:
        """Milliseconds of each key's request, and how many had no answer."""
        session, milliseconds, unanswered = self._session, list[float](), 0
        place = 0
        due = perf_counter()
        while perf_counter() < until or not milliseconds:
            due = max(due + 1 / self._config.rate, perf_counter())
            sleep(max(0.0, due - perf_counter()))
            if place >= len(text):
                session.replace(0, len(session.text), "")
                place = 0
            session.replace(len(session.text), len(session.text), text[place])
            place += 1
            answer = session.ask(len(session.text))
            milliseconds.append(answer.seconds * 1e3)
            unanswered += answer.outcome is not ReplyStatus.ANSWERED
            if answer.offers and self._random.random() < TAKEN:
                end = len(session.text)
                session.replace(end, end, answer.offers[0].text)
        return milliseconds, unanswered
