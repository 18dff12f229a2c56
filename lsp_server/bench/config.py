"""The benchmarks' settings: the only place with their defaults."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsp_server.bench.editors import EditorName
from lsp_server.bench.texts.forms import Form
from lsp_server.errors import BenchError

OWN_SERVER = (sys.executable, "-m", "lsp_server", "lsp")


@dataclass(frozen=True, kw_only=True)
class ReplayConfig:
    """One replay of one server."""

    command: tuple[str, ...]
    """The server's command line."""
    menu: bool = False
    """Ask for the completion menu instead of inline completions."""
    top: int | None = None
    """Items of an answer that are on show; None: the first of a menu, all of an inline answer."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """initializationOptions, also what workspace/configuration answers from."""
    blocks: int = 60
    """Blocks that are typed; 0 leaves that mode out."""
    points: int = 300
    """Cursors that are asked at with the rest of the line cut off; 0 leaves that mode out."""
    gaps: int = 300
    """Cursors that are asked at with code behind them, both ways; 0 leaves that mode out."""
    editor: EditorName = EditorName.VSCODE
    """Whose defaults blocks are typed with."""
    form: Form = field(default_factory=Form)
    """How the files are written."""
    lines: int = 12
    """Lines of a block."""
    shortest: int = 3
    """Characters that a text must have to be taken, and the rest of a line to be asked for."""
    seed: int = 0
    """Of the choice of files, blocks and points, and of the intervals."""
    max_files: int = 1_000
    """More files than this are thinned out by the seed."""
    timeout: float = 5.0
    """Seconds; an answer that takes longer counts as not shown, with this latency."""
    start_timeout: float = 30.0
    """Seconds for the server to answer initialize."""
    ready_timeout: float = 60.0
    """Seconds after that to load its model, or to give its first suggestion."""
    hung_after: float = 120.0
    """Seconds without any message, while requests wait, after which the server is taken to hang."""
    resamples: int = 2_000
    """Bootstrap samples over files for the 95 % intervals."""

    def __post_init__(self) -> None:
        counts = {
            name: getattr(self, name) for name in ("lines", "shortest", "max_files", "resamples")
        }
        for name, value in counts.items():
            if value < 1:
                raise BenchError(f"expected {name} of at least 1, found {value}")
        places = (self.blocks, self.points, self.gaps)
        if min(places) < 0 or not any(places):
            raise BenchError(f"expected blocks, points or gaps to replay, found {places}")
        if self.top is not None and self.top < 1:
            raise BenchError(f"expected top of at least 1, found {self.top}")
        timeouts = (self.timeout, self.start_timeout, self.ready_timeout, self.hung_after)
        if min(timeouts) <= 0:
            raise BenchError(f"expected timeouts above 0 s, found {min(timeouts)}")

    @property
    def offered(self) -> int | None:
        """Items of an answer that are on show; None for all."""
        return 1 if self.top is None and self.menu else self.top


@dataclass(frozen=True, kw_only=True)
class TryConfig:
    """What of a repository's last commits is typed."""

    repository: Path
    """Its folder, or one inside of it."""
    commits: int = 20
    """Commits that are typed at most, the newest."""
    characters: int = 300
    """Of one commit at most, drawn by the seed from all that it added."""
    lines: int = 8
    """Lines of a block."""
    looked_at: int = 300
    """Commits that are looked at for such as added Python."""
    seconds: float = 150.0
    """No further commit is begun that would take longer than this in all."""
    menu_share: float = 0.35
    """Of this time, what a server of menus may take: they are slow, and Lory is what is tried."""
    seed: int = 0
    """Of what is drawn of a commit, and of the intervals."""
    resamples: int = 2_000
    """Bootstrap samples over commits for the 95 % intervals."""

    def __post_init__(self) -> None:
        for name in ("commits", "characters", "lines", "looked_at", "seconds", "resamples"):
            if getattr(self, name) <= 0:
                raise BenchError(f"expected {name} above 0, found {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class EnginesConfig:
    """One comparison of engines."""

    bundle: Path
    """Whose weights every engine gets."""
    threads: tuple[int, ...] = (1, 2)
    """Each engine is measured on each number of them."""
    prompts: int = 4
    """Different ones."""
    prompt_tokens: int = 512
    """Length of each prompt."""
    new_tokens: int = 32
    """Written after each."""
    rounds: int = 5
    """Times that every engine takes every prompt, after one that is not counted."""
    timeout: float = 120.0
    """Seconds for one answer or conversion, after which the engine counts as failed."""

    def __post_init__(self) -> None:
        counts = (*self.threads, self.prompts, self.prompt_tokens, self.rounds)
        if not self.threads or min(counts) < 1:
            raise BenchError(f"expected counts of at least 1, found {counts}")
        if self.new_tokens < 2:
            raise BenchError(f"expected at least 2 new tokens, found {self.new_tokens}")
        if self.timeout <= 0:
            raise BenchError(f"expected a timeout above 0 s, found {self.timeout}")


@dataclass(frozen=True, kw_only=True)
class LoadConfig:
    """One fast typist before one server."""

    command: tuple[str, ...]
    """The server's command line."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """initializationOptions, also what workspace/configuration answers from."""
    rate: float = 50.0
    """Keys per second."""
    seconds: float = 60.0
    """Of typing."""
    lines: int = 3_000
    """Of the document that is typed in."""
    late: float = 0.1
    """Seconds; an answer after more than this is late."""
    patience: float = 30.0
    """Seconds for the server to start, and for the last answers to come."""

    def __post_init__(self) -> None:
        for name in ("rate", "seconds", "lines", "late", "patience"):
            if getattr(self, name) <= 0:
                raise BenchError(f"expected {name} above 0, found {getattr(self, name)}")

    @property
    def keys(self) -> int:
        """Keys that are pressed, at least one."""
        return max(1, round(self.rate * self.seconds))


@dataclass(frozen=True, kw_only=True)
class StartConfig:
    """Starts of one server."""

    command: tuple[str, ...]
    """The server's command line."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """initializationOptions, also what workspace/configuration answers from."""
    starts: int = 5
    """Processes, one after another."""
    settling: float = 1.0
    """Seconds between the first suggestion and the look at what an idle server costs."""
    idle_seconds: float = 10.0
    """Seconds without a request, over which processor time is taken."""
    patience: float = 30.0
    """Seconds for the first suggestion to come."""

    def __post_init__(self) -> None:
        for name in ("starts", "idle_seconds", "patience"):
            if getattr(self, name) <= 0:
                raise BenchError(f"expected {name} above 0, found {getattr(self, name)}")


def parse_options(pairs: Sequence[str]) -> dict[str, Any]:
    """Nested options of `a.b=VALUE` pairs; a VALUE that is no JSON is text.

    Raises BenchError for a pair without `=` or one that sets a key below a value.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise BenchError(f"expected --option KEY=VALUE, found {pair!r}")
        *parents, last = key.split(".")
        place = options
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise BenchError(f"expected {parent} in --option {pair!r} to hold other keys")
        place[last] = json_or_text(text)
    return options


def json_or_text(text: str) -> Any:
    """The value that a JSON text means, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
