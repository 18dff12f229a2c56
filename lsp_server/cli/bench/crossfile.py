"""`lory bench crossfile`: does text of other files help, on CrossCodeEval's cases?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lsp_server.bench.cases.crossfile import CrossFileRow, compare, read_cases
from lsp_server.bench.config import parse_options
from lsp_server.cli.tables import terminal
from lsp_server.completion.model.loading import complain, load_model
from lsp_server.errors import BenchError
from lsp_server.plugins import PluginGuard
from lsp_server.settings import read_settings


def crossfile_command(
    data: Annotated[Path, typer.Option(help="JSON Lines (.gz) with pieces of other files.")],
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A setting, such as the bundle.")
    ] = None,
) -> None:
    """Complete lines with and without pieces of other files in the prompt."""
    cases = read_cases(data)
    if not cases:
        raise BenchError(f"{data}: expected rows, found none; take CrossCodeEval's own files")
    settings = read_settings(parse_options(option or ()))
    rows = compare(load_model(settings, PluginGuard(complain)), cases)
    terminal().print(as_table(rows))


def as_table(rows: list[CrossFileRow]) -> Table:
    """The rows, for people."""
    table = Table("related text", "cases", "exact match", "edit similarity")
    for row in rows:
        table.add_row(row.name, str(row.cases), f"{row.exact:.1%}", f"{row.similarity:.1%}")
    return table
