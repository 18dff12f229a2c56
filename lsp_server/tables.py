"""Tables for the terminal: takes a bundle or plugins, gives what rich prints."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from lsp_server.bundle import Bundle, describe
from lsp_server.plugins import Plugin


def plugin_table(plugins: Iterable[Plugin]) -> Table:
    """Plugins with their group and the distribution that brings them."""
    table = Table("name", "group", "distribution", "version")
    for plugin in plugins:
        table.add_row(plugin.name, plugin.group, plugin.distribution, plugin.version)
    return table


def bundle_tables(bundle: Bundle) -> tuple[Table, Table]:
    """What a bundle is, and how good it was measured to be."""
    facts = Table("", "", show_header=False)
    for label, value in describe(bundle):
        facts.add_row(Text(label), Text(value))
    figures = Table("measure", "value", "95 %", "n", "note")
    for row in bundle.manifest.evaluation:
        value, interval = f"{row.value:.3g} {row.unit}", f"{row.low:.3g} to {row.high:.3g}"
        cells = (row.metric, value, interval, str(row.n), row.note)
        figures.add_row(*map(Text, cells))
    return facts, figures
