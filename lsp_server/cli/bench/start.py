"""`lory bench start`: how long does an editor wait for a starting server?"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from lsp_server.bench.config import StartConfig
from lsp_server.bench.latency.start import measure_starts, start_table
from lsp_server.cli.bench import options
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import terminal


@grouped_options
def start_command(
    server: options.ServerOptions,
    root: options.Workspace = None,
    starts: Annotated[int, typer.Option(help="Processes to start.")] = StartConfig.starts,
    idle: Annotated[
        float, typer.Option(help="Seconds without a request.")
    ] = StartConfig.idle_seconds,
) -> None:
    """Start a server again and again: its first answers, its memory, its idle processor time."""
    config = StartConfig(
        command=server.command,
        options={"min_probability": 0.0, **server.settings},
        starts=starts,
        idle_seconds=idle,
    )
    with TemporaryDirectory() as empty:
        terminal().print(start_table(measure_starts(config, root or Path(empty))))
