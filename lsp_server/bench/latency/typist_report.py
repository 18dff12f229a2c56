"""Sums up what a fast typist saw, as a table and as JSON."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from lsp_server.bench.config import LoadConfig
from lsp_server.bench.latency.typist import Fate, LoadRecords
from lsp_server.contract.intervals import percentiles


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFigures:
    """What came of it."""

    keys: int
    keys_per_second: float
    """That the client managed."""
    fates: dict[str, int]
    late: int
    """Answers, of any kind, that came later than the configuration allows."""
    answers: Spread
    """Of all requests for ghost text, from the edit to the answer."""
    edits: Spread
    """From sending an edit to hearing that it was taken, with no completion being made."""
    edits_while_busy: Spread
    """The same, while the engine works at the completion before."""
    busy: float
    """Share of the edits that were sent while it did."""
    megabytes: tuple[float, ...]


def load_figures(records: LoadRecords, config: LoadConfig) -> LoadFigures:
    """The figures of all keys."""
    fates = Counter(key.fate for key in records.keys)
    return LoadFigures(
        keys=len(records.keys),
        keys_per_second=len(records.keys) / records.seconds,
        fates={str(fate): fates[fate] for fate in Fate},
        late=sum(key.answered > config.late for key in records.keys),
        answers=spread_of(key.answered for key in records.keys),
        edits=spread_of(key.taken for key in records.keys if not key.busy),
        edits_while_busy=spread_of(key.taken for key in records.keys if key.busy),
        busy=sum(key.busy for key in records.keys) / len(records.keys),
        megabytes=records.megabytes,
    )


def spread_of(seconds: Iterable[float]) -> Spread:
    """Percentiles in milliseconds."""
    return Spread(*percentiles((1e3 * value for value in seconds), 0.5, 0.95, 0.99, 1.0))


def load_table(records: LoadRecords, config: LoadConfig) -> Table:
    """The figures, for a terminal."""
    figures = load_figures(records, config)
    table = Table("figure", "value", title=f"{records.server}, {config.lines} lines")
    table.add_row("keys, per second", f"{figures.keys}, {figures.keys_per_second:.1f}")
    table.add_row(
        "requests " + ", ".join(figures.fates), ", ".join(map(str, figures.fates.values()))
    )
    table.add_row(f"later than {config.late * 1e3:.0f} ms", str(figures.late))
    table.add_row("answer, p50 / p95 / p99 / most", describe(figures.answers))
    table.add_row("edit taken, p50 / p95 / p99 / most", describe(figures.edits))
    table.add_row("  while a completion is made", describe(figures.edits_while_busy))
    table.add_row("edits while a completion is made", f"{figures.busy:.1%}")
    resident = " / ".join(f"{size:.1f}" for size in figures.megabytes) or "not told"
    table.add_row("MB after a quarter / half / all", resident)
    return table


def describe(spread: Spread) -> str:
    """A spread in one line."""
    values = (spread.p50, spread.p95, spread.p99, spread.most)
    return " / ".join(f"{value:.1f}" for value in values) + " ms"


def load_json(records: LoadRecords, config: LoadConfig) -> dict[str, Any]:
    """Everything but the single keys, in plain values."""
    return {
        "server": records.server,
        "model": records.model,
        "config": asdict(config),
        "figures": asdict(load_figures(records, config)),
    }
