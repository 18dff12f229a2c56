"""Presents a replay as a table, as JSON and as a row of Markdown."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.machine import describe_machine
from lsp_server.bench.replay.records import BlockRecord, GapRecord, PointRecord, Records
from lsp_server.bench.reporting.figures import (
    Figures,
    Latency,
    PointFigures,
    TypingFigures,
    WorkFigures,
)
from lsp_server.bench.reporting.paired import Changes
from lsp_server.bench.reporting.place_lines import fault_change_lines, place_lines
from lsp_server.bench.reporting.wording import in_points, milliseconds, percent, plain_percent

MARKDOWN_HEADER = (
    "| server | saved | acceptance | exact match | edit similarity | shown "
    "| p50 ms | p95 ms | p99 ms |\n|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A replay, complete."""

    command: Sequence[str]
    """The command line that made it."""
    config: ReplayConfig
    files: Sequence[str]
    """All that the choice was made from, after thinning out."""
    records: Records
    figures: Figures
    changes: Changes | None = None
    """Beside an earlier replay, if there is one."""

    @property
    def title(self) -> str:
        """What was replayed, in a few words."""
        parts = (self.server, self.config.editor, self.config.form.name)
        return ", ".join([*filter(None, parts), f"seed {self.config.seed}"])

    @property
    def server(self) -> str:
        """Name and version, as the server tells them."""
        return f"{self.records.server.name} {self.records.server.version}".strip()


def as_json(report: Report) -> dict[str, Any]:
    """Everything, in plain values."""
    facts = report.records.server
    server = {
        "name": facts.name,
        "version": facts.version,
        "encoding": facts.encoding,
        "model": report.records.model,
    }
    return {
        "command": list(report.command),
        "config": asdict(report.config),
        "server": server,
        "machine": describe_machine(),
        "figures": asdict(report.figures),
        "changes": asdict(report.changes) if report.changes else None,
        "points": [point_row(record) for record in report.records.points],
        "blocks": [block_row(record) for record in report.records.blocks],
        "gaps": [gap_row(record) for record in report.records.gaps],
        "files": list(report.files),
    }


def point_row(record: PointRecord) -> dict[str, Any]:
    """One point, in plain values."""
    milliseconds = round(record.answer.seconds * 1000, 2)
    timing = {"milliseconds": milliseconds, "outcome": record.answer.outcome}
    return {"file": record.file, "line": record.line, **asdict(record.score), **timing}


def block_row(record: BlockRecord) -> dict[str, Any]:
    """One block, in plain values."""
    milliseconds = [round(answer.seconds * 1000, 2) for answer in record.answers]
    timing = {"requests": len(record.answers), "milliseconds": milliseconds}
    return {"file": record.file, "line": record.line, **asdict(record.tally), **timing}


def gap_row(record: GapRecord) -> dict[str, Any]:
    """One gap, in plain values."""
    return asdict(record)


def as_table(report: Report) -> Table:
    """The figures, for a terminal."""
    table = Table("figure", "value", title=report.title)
    lines = figure_lines(report.figures)
    for name, value in [*lines, *change_lines(report.changes)]:
        table.add_row(name, value)
    return table


def figure_lines(figures: Figures) -> list[tuple[str, str]]:
    """Every figure with its name."""
    return [
        *point_lines(figures.points),
        *typing_lines(figures.typing),
        *work_lines(figures.work),
        *place_lines(figures.places),
    ]


def point_lines(figures: PointFigures | None) -> list[tuple[str, str]]:
    """The points' rows of the table."""
    if figures is None:
        return []
    return [
        ("points", str(figures.points)),
        ("exact match of the line's rest", percent(figures.exact)),
        ("exact match where shown", percent(figures.exact_when_shown)),
        ("edit similarity", f"{figures.similarity:.1%}"),
        ("shown", f"{figures.shown:.1%}"),
        ("latency at points, p50 / p95", milliseconds(figures.latency, "p50", "p95")),
        ("errors, timeouts at points", f"{figures.errors}, {figures.timeouts}"),
    ]


def typing_lines(figures: TypingFigures | None) -> list[tuple[str, str]]:
    """The typing's rows of the table."""
    if figures is None:
        return []
    suggestions = f"{figures.taken} of {figures.suggestions}"
    return [
        ("blocks, characters", f"{figures.blocks}, {figures.characters}"),
        ("saved", percent(figures.saved)),
        ("acceptance", percent(figures.acceptance)),
        ("given by the editor, keys a character", f"{figures.given:.1%}, {figures.keys:.2f}"),
        ("suggestions taken of shown", suggestions),
        ("requests, answers with a suggestion", f"{figures.requests}, {figures.answers_shown:.1%}"),
        ("latency of typing, p50 / p95 / p99", milliseconds(figures.latency, "p50", "p95", "p99")),
        ("errors, timeouts of typing", f"{figures.errors}, {figures.timeouts}"),
    ]


def work_lines(figures: WorkFigures | None) -> list[tuple[str, str]]:
    """The rows of what the server counted while blocks were typed."""
    if figures is None:
        return []
    per_step = figures.tokens_per_step
    return [
        ("answered from memory", plain_percent(figures.from_memory)),
        ("of these within 5 ms in the server", plain_percent(figures.quick_from_memory)),
        ("prompts read", str(figures.prompts)),
        ("of these at most 16 tokens not cached", plain_percent(figures.short_prompts)),
        ("tokens written per step", "-" if per_step is None else f"{per_step:.2f}"),
        ("drafted tokens accepted", plain_percent(figures.accepted)),
    ]


def change_lines(changes: Changes | None) -> list[tuple[str, str]]:
    """The rows of what changed since an earlier replay."""
    if changes is None:
        return []
    lines = [("beside", changes.beside)]
    if changes.saved and changes.acceptance:
        lines += [
            ("saved", in_points(changes.saved)),
            ("acceptance", in_points(changes.acceptance)),
        ]
    if changes.exact and changes.similarity:
        lines += [
            ("exact match", in_points(changes.exact)),
            ("edit similarity", in_points(changes.similarity)),
            ("exact matches won, lost", f"{changes.won}, {changes.lost}"),
        ]
    return [*lines, *fault_change_lines(changes)]


def percentiles_of(latency: Latency | None) -> tuple[float | None, float | None, float | None]:
    """The three that are told; None where no latency was measured."""
    return (latency.p50, latency.p95, latency.p99) if latency else (None, None, None)


def markdown_row(report: Report) -> str:
    """One server's row under MARKDOWN_HEADER; latencies are the typing's where there is any."""
    points, typing = report.figures.points, report.figures.typing
    measured = typing or points
    latency = measured.latency if measured else None
    cells = [
        report.server,
        percent(typing.saved) if typing else "-",
        percent(typing.acceptance) if typing else "-",
        percent(points.exact) if points else "-",
        f"{points.similarity:.1%}" if points else "-",
        f"{points.shown:.1%}" if points else "-",
        *(f"{value:.0f}" if value is not None else "-" for value in percentiles_of(latency)),
    ]
    return f"| {' | '.join(cells)} |"
