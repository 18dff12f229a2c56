"""`lory bench load`: how does a server stand a fast typist?"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from lsp_server.bench.config import LoadConfig
from lsp_server.bench.latency.typist import type_fast
from lsp_server.bench.latency.typist_report import load_json, load_table
from lsp_server.cli.bench import options
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import terminal

FAMILIAR_SOURCE = Path(argparse.__file__)
"""Python source that every machine has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypistOptions:
    """How fast, how long and where is typed, as LoadConfig names it."""

    rate: Annotated[float, typer.Option(help="Keys per second.")] = LoadConfig.rate
    seconds: Annotated[float, typer.Option(help="Of typing.")] = LoadConfig.seconds
    lines: Annotated[int, typer.Option(help="Of the document.")] = LoadConfig.lines
    late: Annotated[float, typer.Option(help="Seconds an answer may take.")] = LoadConfig.late


@grouped_options
def load_command(
    server: options.ServerOptions,
    typist: TypistOptions,
    source: Annotated[
        Path, typer.Option(help="A file to type from.", show_default=False)
    ] = FAMILIAR_SOURCE,
    root: options.Workspace = None,
    json_file: options.JsonFile = None,
) -> None:
    """Type faster than anybody can: is every request answered, and every edit taken at once?"""
    config = LoadConfig(command=server.command, options=server.settings, **asdict(typist))
    with TemporaryDirectory() as empty:
        records = type_fast(config, source, root or Path(empty))
    terminal().print(load_table(records, config))
    if json_file is not None:
        text = json.dumps(load_json(records, config), indent=1) + "\n"
        json_file.write_text(text, encoding="utf-8")
