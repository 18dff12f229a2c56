"""`lory bench compare`: servers, editors or text forms in turns, paired."""

from itertools import product
from typing import Annotated

import typer
from rich.table import Table

from lsp_server.bench.config import parse_options
from lsp_server.bench.editors import EditorName
from lsp_server.bench.reporting.report import (
    MARKDOWN_HEADER,
    Report,
    as_json,
    change_lines,
    figure_lines,
    markdown_row,
)
from lsp_server.bench.texts.files import thin_out
from lsp_server.bench.texts.forms import Form, form_of
from lsp_server.cli.bench import options
from lsp_server.cli.bench.measuring import measure_side_by_side, write_json
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import terminal

AS_READ = "as-read"


@grouped_options
def compare_command(
    sources: options.SourceOptions,
    places: options.PlaceOptions,
    server: Annotated[
        list[str] | None, typer.Option(help="Servers' commands; without one, Lory's own.")
    ] = None,
    editor: Annotated[
        list[EditorName] | None, typer.Option(help="Editors; without one, VS Code.")
    ] = None,
    form: Annotated[
        list[str] | None, typer.Option(help="Forms: lf-4, crlf-4, lf-tab, lf-2, ...")
    ] = None,
    option: options.ServerOption = None,
    json_file: options.JsonFile = None,
) -> None:
    """Replay the same places by several servers, editors or forms, in turns, and compare them."""
    names, configs = [], []
    editors = editor or [EditorName.VSCODE]
    for command, name, written in product(server or [""], editors, form or [AS_READ]):
        names.append(", ".join(part for part in (shown(command), name, written) if part))
        configs.append(
            places.config(
                command=options.command_line(command),
                options=parse_options(option or ()),
                editor=name,
                form=Form() if written == AS_READ else form_of(written),
            )
        )
    chosen = thin_out(sources.read(), places.max_files, places.seed)
    reports = measure_side_by_side(configs, names, chosen)
    console = terminal()
    console.print(side_by_side(names, reports))
    rows = "\n".join(markdown_row(report) for report in reports)
    console.print(f"{MARKDOWN_HEADER}\n{rows}", markup=False, soft_wrap=True)
    write_json([as_json(report) for report in reports], json_file, console)


def shown(command: str) -> str:
    """The end of a server's command, which tells commands apart."""
    return command if len(command) <= 40 else f"...{command[-37:]}"


def side_by_side(names: list[str], reports: list[Report]) -> Table:
    """A column each; then what changed against the first."""
    table = Table("figure", *names)
    add_rows(table, [dict(figure_lines(report.figures)) for report in reports])
    table.add_section()
    add_rows(table, [dict(change_lines(report.changes)) for report in reports])
    return table


def add_rows(table: Table, columns: list[dict[str, str]]) -> None:
    """A row for every figure that any column has."""
    for figure in dict.fromkeys(figure for column in columns for figure in column):
        table.add_row(figure, *(column.get(figure, "-") for column in columns))
