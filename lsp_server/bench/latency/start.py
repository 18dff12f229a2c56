"""Measures how long an editor waits for a starting server, and how much memory it needs.

Each start is one process: from its beginning to the answer to `initialize`, then to the first
answer for ghost text that holds a suggestion, then its memory, then its processor time while
nothing is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from rich.table import Table

from lsp_server.bench.client.editor import EditorSession
from lsp_server.bench.client.handshake import Workspace, initialize
from lsp_server.bench.client.lsp_client import LspClient
from lsp_server.bench.client.process import processor_seconds, resident_megabytes
from lsp_server.bench.config import ReplayConfig, StartConfig
from lsp_server.bench.texts.files import SourceFile
from lsp_server.errors import BenchError

SOURCE = (
    "import os\n\n\ndef main():\n    for name in os.listdir('.'):\n        print(name)\n\n\nif __na"
)
"""A text that any model goes on from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start, in seconds from the process's beginning."""

    initialized: float
    """Until the answer to `initialize`."""
    suggested: float
    """Until the first suggestion."""
    megabytes: float | None
    """Resident memory after that; None where it is not told."""
    idle: float | None
    """Share of a processor that is used while nothing is asked; None where it is not told."""


def measure_starts(config: StartConfig, root: Path) -> list[Start]:
    """As many starts as the configuration says, one after another, in the workspace `root`."""
    return [measure_start(config, root) for _ in range(config.starts)]


def measure_start(config: StartConfig, root: Path) -> Start:
    """One start; BenchError where there is no suggestion in time."""
    began = perf_counter()
    with LspClient(config.command, root, configuration=config.options) as client:
        workspace = Workspace(root=root, options=config.options)
        facts = initialize(client, workspace, config.patience)
        initialized = perf_counter() - began
        replay = ReplayConfig(command=config.command, timeout=config.patience)
        session = EditorSession(client, facts, replay)
        session.open(SourceFile(root=root.resolve(), path="started.py", text=SOURCE))
        while not session.ask(len(SOURCE)).offers:
            if perf_counter() - began > config.patience:
                raise BenchError(
                    f"expected a suggestion within {config.patience:g} s, found none; allow what "
                    "is unlikely with --option min_probability=0"
                )
        suggested = perf_counter() - began
        process = client.process.pid
        sleep(config.settling)
        megabytes, before = resident_megabytes(process), processor_seconds(process)
        sleep(config.idle_seconds)
        after = processor_seconds(process)
    idle = None if before is None or after is None else (after - before) / config.idle_seconds
    return Start(initialized=initialized, suggested=suggested, megabytes=megabytes, idle=idle)


def start_table(starts: list[Start]) -> Table:
    """Median, best and worst of the starts."""
    rows: dict[str, list[float | None]] = {
        "initialize answered, s": [start.initialized for start in starts],
        "first suggestion, s": [start.suggested for start in starts],
        "resident memory, MB": [start.megabytes for start in starts],
        "processor while idle, %": [start.idle and 100 * start.idle for start in starts],
    }
    return spread_table("figure", f"{len(starts)} starts", rows)


def spread_table(figure: str, title: str, rows: Mapping[str, Sequence[float | None]]) -> Table:
    """Median, least and most of each row's values that are told."""
    table = Table(figure, "median", "least", "most", title=title)
    for name, found in rows.items():
        values = [value for value in found if value is not None]
        cells = (median(values), min(values), max(values)) if values else ()
        table.add_row(name, *(f"{value:.2f}" for value in cells))
    return table
