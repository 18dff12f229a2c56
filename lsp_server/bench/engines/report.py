"""Presents the comparison of engines as a table, as Markdown and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from lsp_server.bench.config import EnginesConfig
from lsp_server.bench.engines.figures import Absent, EngineFigures
from lsp_server.bench.machine import describe_machine

OWN = "lory"
COLUMNS = (
    "engine",
    "threads",
    "prefill tokens/s, median (best)",
    "decode ms/token, median (best)",
    "tokens/step",
    "lory's speed: prefill, decode",
    "memory MB",
    "same tokens",
)

EngineRow = EngineFigures | Absent


def as_table(outcomes: Sequence[EngineRow], config: EnginesConfig) -> Table:
    """The figures, for a terminal."""
    title = f"{config.prompt_tokens}-token prompts, {config.new_tokens} new tokens"
    table = Table(*COLUMNS, title=title)
    for cells in table_rows(outcomes):
        table.add_row(*cells)
    return table


def as_markdown(outcomes: Sequence[EngineRow]) -> str:
    """The same figures as a Markdown table."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *table_rows(outcomes)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def table_rows(outcomes: Sequence[EngineRow]) -> list[tuple[str, ...]]:
    """The cells of each row."""
    own = {
        outcome.threads: outcome
        for outcome in outcomes
        if isinstance(outcome, EngineFigures) and outcome.name == OWN
    }
    return [cells(outcome, own.get(outcome.threads)) for outcome in outcomes]


def cells(outcome: EngineRow, own: EngineFigures | None) -> tuple[str, ...]:
    """One row; `own` is Lory's on as many threads."""
    if isinstance(outcome, Absent):
        return (outcome.name, str(outcome.threads), outcome.reason, "", "", "", "", "")
    ratios = "-"
    if own is not None and own is not outcome:
        ratios = f"{own.prefill / outcome.prefill:.2f}x, {outcome.decode / own.decode:.2f}x"
    return (
        f"{outcome.name} {outcome.version}",
        str(outcome.threads),
        f"{outcome.prefill:,.0f} ({outcome.prefill_best:,.0f})",
        f"{outcome.decode:.2f} ({outcome.decode_best:.2f})",
        f"{outcome.step_tokens:.2f}",
        ratios,
        f"{outcome.memory / 1e6:.0f}" if outcome.memory else "unknown",
        f"{outcome.agreement:.0%}",
    )


def as_json(
    outcomes: Sequence[EngineRow], config: EnginesConfig, command: Sequence[str]
) -> dict[str, Any]:
    """Everything, in plain values."""
    return {
        "command": list(command),
        "config": asdict(config) | {"bundle": str(config.bundle)},
        "machine": describe_machine(),
        "engines": [asdict(outcome) for outcome in outcomes],
    }
