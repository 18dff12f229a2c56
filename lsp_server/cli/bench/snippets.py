"""`lory bench snippets`: what a model knows by itself, at everyday places in an empty project."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table

from lsp_server.bench.cases.snippets import (
    Shown,
    Verdict,
    as_json,
    count_verdicts,
    languages,
    read_snippets,
    show_at,
)
from lsp_server.bench.config import ReplayConfig
from lsp_server.cli.bench import options
from lsp_server.cli.bench.measuring import write_json
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import terminal
from lsp_server.contract.intervals import wilson


@grouped_options
def snippets_command(
    server: options.ServerOptions,
    language: Annotated[
        list[str] | None, typer.Option("--language", help="Without one: all that have places.")
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="Say what was shown at each place.")] = False,
    ready_timeout: options.Ready = ReplayConfig.ready_timeout,
    json_file: options.JsonFile = None,
) -> None:
    """Ask at everyday places, and say how often what is shown is right, or wrong."""
    config = ReplayConfig(
        command=server.command, options=server.settings, ready_timeout=ready_timeout
    )
    shown: list[Shown] = []
    for name in language or languages():
        with TemporaryDirectory() as empty:
            shown += show_at(config, Path(empty).resolve(), read_snippets(name))
    console = terminal()
    if each:
        console.print(each_table(shown))
    console.print(counts_table(shown))
    write_json(as_json(shown), json_file, console)


def counts_table(shown: Sequence[Shown]) -> Table:
    """How many of each verdict, with the 95 % interval of those that are right."""
    table = Table("language", "places", *Verdict, "right, %")
    for language, counts in count_verdicts(shown).items():
        total, right = counts.total(), counts[Verdict.RIGHT]
        low, high = wilson(right / total, total)
        share = f"{right / total:.0%} [{low:.0%}, {high:.0%}]"
        cells = (str(counts[verdict]) for verdict in Verdict)
        table.add_row(language, str(total), *cells, share)
    return table


def each_table(shown: Sequence[Shown]) -> Table:
    """What was shown at each place."""
    table = Table("language", "place", "verdict", "shown")
    for one in shown:
        table.add_row(one.language, one.title, one.verdict, one.text)
    return table
