"""Prints tables and text safely, whatever characters they contain."""

import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from lsp_server.contract.bundles.bundle import Bundle, describe
from lsp_server.plugins import Plugin

WIDE = 200
"""Columns of what goes to a file or another program: nothing is cut there."""


class Terminal(Console):
    """Text of users, files and plugins is text: no markup, no emoji codes, no escape sequences."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = WIDE

    def render_str(self, text: str, **options: Any) -> Text:
        """The text with a mark in place of each character that would steer the terminal."""
        return super().render_str(printable(text), **options)


def printable(text: str) -> str:
    """A text whose characters all are seen; line ends stay."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else f"\\u{ord(char):04x}" for char in text
    )


def terminal() -> Terminal:
    """Standard output, for people."""
    return Terminal()


def progress_bar() -> Progress:
    """A bar on standard error that goes when it is done; what is described is text as well.

    Where standard error is no terminal, there is none: not even an empty line.
    """
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn()
    console = Terminal(stderr=True)
    return Progress(
        *(*columns, TimeRemainingColumn()),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def plugin_table(plugins: Iterable[Plugin]) -> Table:
    """Plugins with their group and the distribution that brings them."""
    table = Table("name", "group", "distribution", "version")
    for plugin in plugins:
        table.add_row(plugin.name, plugin.group, plugin.distribution, plugin.version)
    return table


def rows_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Rows of label and value."""
    table = Table("", "", show_header=False)
    for label, value in rows:
        table.add_row(Text(label), Text(value))
    return table


def bundle_tables(bundle: Bundle) -> tuple[Table, Table]:
    """What a bundle is, and how good it was measured to be."""
    facts = rows_table(describe(bundle))
    figures = Table("measure", "value", "95 %", "n", "note")
    for row in bundle.manifest.evaluation:
        value, interval = f"{row.value:.3g} {row.unit}", f"{row.low:.3g} to {row.high:.3g}"
        cells = (row.metric, value, interval, str(row.n), row.note)
        figures.add_row(*map(Text, cells))
    return facts, figures
