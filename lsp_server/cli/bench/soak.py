"""`lory bench soak`: hours of typing, with a line of figures for every minute."""

import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from lsp_server.bench.latency.soak import Minute, SoakConfig, soak
from lsp_server.cli.bench import options
from lsp_server.cli.grouping import grouped_options

HEAD = f"{'minute':>6} {'event':<18} {'changed':>7} {'keys':>5} {'lost':>4} "
HEAD += f"{'p50 ms':>7} {'p95 ms':>7} {'most':>7} {'MB':>6} {'files':>6}"


@grouped_options
def soak_command(
    server: options.ServerOptions,
    minutes: Annotated[float, typer.Option(help="Of typing.")] = SoakConfig.minutes,
    rate: Annotated[float, typer.Option(help="Keys per second.")] = SoakConfig.rate,
    files: Annotated[int, typer.Option(help="Of the project.")] = SoakConfig.files,
    seed: Annotated[int, typer.Option(help="Of what is typed and taken.")] = SoakConfig.seed,
    log: Annotated[Path | None, typer.Option(help="Keep each minute as a line of JSON.")] = None,
) -> None:
    """Type for hours in a project that changes under git: do memory and latency stay flat?"""
    config = SoakConfig(
        command=server.command,
        options=server.settings,
        minutes=minutes,
        rate=rate,
        files=files,
        seed=seed,
    )
    typer.echo(HEAD)
    with TemporaryDirectory() as folder:
        for minute in soak(config, Path(folder)):
            typer.echo(row(minute))
            if log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(minute)) + "\n")


def row(minute: Minute) -> str:
    """A minute as a line of the table."""
    return (
        f"{minute.minute:>6} {minute.event:<18} {minute.changed:>7} {minute.keys:>5} "
        f"{minute.unanswered:>4} {minute.p50:>7.1f} {minute.p95:>7.1f} {minute.most:>7.0f} "
        f"{minute.megabytes:>6.0f} {minute.files:>6}"
    )
