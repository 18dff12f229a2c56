"""What a service is started with; every value has its only default here."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs

from lsp_server.engines.remote.options import is_here
from lsp_server.errors import ServeError
from lsp_server.settings import Settings, read_settings

MEGABYTE = 1_000_000
STATE_VARIABLE = "LORY_SERVE_STATE"
"""Environment variable: the folder of keys and control socket, in place of the user's own."""
KEYS_VARIABLE = "LORY_SERVE_KEYS"
"""Environment variable: the file of the keys, where it does not lie in that folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeConfig:
    """One service."""

    host: str = "127.0.0.1"
    """Address to listen on; any but this machine's own needs keys."""
    port: int = 8012
    """What llama.vim and llama.vscode ask without being told."""
    state: Path = field(default_factory=lambda: state_folder())
    """Folder of the keys and the control socket."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The language server's settings: bundle, min_probability, max_lines and so on."""
    engines: int = field(default_factory=lambda: max(1, os.cpu_count() or 1))
    """Processes that run the model, each on `threads` of the settings; with Ray: of each replica,
    and one is enough there.
    """
    cache_megabytes: int = 512
    """Of key-value caches in all engines together; a prompt of the shipped model takes 6.3."""
    hosts: tuple[str, ...] = ()
    """Further host names that requests may be for, where there are no keys."""
    origins: tuple[str, ...] = ()
    """Web pages that may ask, such as https://ide.example.org; no other may."""
    concurrency: int = 8
    """Requests of one person at a time."""
    rate: float = 20.0
    """Requests of one person a second, on average."""
    burst: int = 60
    """Requests of one person at once, after a pause."""
    longest_wait: float = 0.5
    """Seconds; a request that is expected to wait longer for an engine is refused at once."""
    deadline: float = 10.0
    """Seconds after which a request is given up, and its engine started anew."""
    body_bytes: int = 1 << 20
    head_bytes: int = 1 << 16
    head_seconds: float = 10.0
    """To send a whole request, its body too."""
    idle_seconds: float = 30.0
    """That a connection may stay open between two requests."""
    connections: int = 1000
    """Open at a time."""
    connections_per_address: int = 256
    drain_seconds: float = 9.0
    """That requests have to end once the service is told to."""
    replicas: int = 2
    """With Ray: copies of the service at least."""
    most_replicas: int = 4
    """With Ray: copies of the service at most, as many as the requests ask for."""

    def __post_init__(self) -> None:
        check("port", self.port, 0, 65535)
        check("engines", self.engines, 1, 64)
        check("cache_megabytes", self.cache_megabytes, 8, 1_000_000)
        check("concurrency", self.concurrency, 1, 1000)
        check("rate", self.rate, 0.01, 10_000)
        check("burst", self.burst, 1, 10_000)
        check("longest_wait", self.longest_wait, 0.01, 60)
        check("deadline", self.deadline, 0.1, 600)
        check("head_seconds", self.head_seconds, 0.1, 600)
        check("idle_seconds", self.idle_seconds, 0.1, 3600)
        check("connections", self.connections, 1, 100_000)
        check("connections_per_address", self.connections_per_address, 1, 100_000)
        check("drain_seconds", self.drain_seconds, 0.1, 600)
        check("replicas", self.replicas, 1, 1000)
        check("most_replicas", self.most_replicas, self.replicas, 1000)
        self.judged  # noqa: B018 - a fault shows before anything is started

    @property
    def judged(self) -> Settings:
        """The settings, checked; of the project nothing is read. SettingsError for a fault."""
        return read_settings({**self.settings, "project": False})

    def with_bundle(self, folder: str | None) -> "ServeConfig":
        """The same service with another bundle; None for the files as they are now."""
        if folder is None:
            return self
        return replace(self, settings={**self.settings, "bundle": folder})

    @property
    def keys(self) -> Path:
        """The file of the keys."""
        named = os.environ.get(KEYS_VARIABLE)
        return Path(named) if named else self.state / "keys.json"

    @property
    def control(self) -> Path:
        """The socket that `lory serve reload` speaks to."""
        return self.state / "control"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_here(self.host)


def check(name: str, value: float, low: float, high: float) -> None:
    """Raise ServeError unless low <= value <= high."""
    if not low <= value <= high:
        option = "--" + name.replace("_", "-")
        raise ServeError(f"{option}: expected {low:g} to {high:g}, found {value:g}; change it")


def state_folder() -> Path:
    """Where a user's service keeps its state."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(named) if named else platformdirs.user_state_path("lory", appauthor=False) / "serve"
