"""Carries out a replay from its configuration to its report."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.replay.plans import FilePlan, plan_replay
from lsp_server.bench.replay.records import Records
from lsp_server.bench.replay.replay import replay_side_by_side
from lsp_server.bench.reporting.bootstrapping import Bootstrap
from lsp_server.bench.reporting.figures import compute_figures
from lsp_server.bench.reporting.paired import (
    Earlier,
    changes_since,
    check_places,
    earlier_of,
    read_earlier,
)
from lsp_server.bench.reporting.report import (
    MARKDOWN_HEADER,
    Report,
    as_json,
    as_table,
    markdown_row,
)
from lsp_server.bench.texts.files import SourceFile
from lsp_server.cli.tables import Terminal, progress_bar, terminal


def measure(config: ReplayConfig, files: Sequence[SourceFile], beside: Path | None) -> Report:
    """The replay of these files, and the figures of what came of it, beside an earlier one."""
    plans = plan_replay(config, files)
    earlier = read_earlier(beside) if beside else None
    if earlier:
        check_places(earlier, plans)
    (records,) = with_progress([config], plans)
    return report_of(config, files, records, earlier)


def measure_side_by_side(
    configs: Sequence[ReplayConfig], names: Sequence[str], files: Sequence[SourceFile]
) -> list[Report]:
    """The same places by each configuration, in turns; all but the first beside the first."""
    found = with_progress(configs, plan_replay(configs[0], files))
    first = earlier_of(names[0], found[0])
    return [
        report_of(config, files, records, first if number else None)
        for number, (config, records) in enumerate(zip(configs, found, strict=True))
    ]


def report_of(
    config: ReplayConfig, files: Sequence[SourceFile], records: Records, earlier: Earlier | None
) -> Report:
    """The report on records, with what changed since others if there are any."""
    bootstrap = Bootstrap(config.seed, config.resamples)
    return Report(
        command=("lory", *sys.argv[1:]),
        config=config,
        files=[file.name for file in files],
        records=records,
        figures=compute_figures(records, bootstrap),
        changes=changes_since(earlier, records, bootstrap) if earlier else None,
    )


def with_progress(configs: Sequence[ReplayConfig], plans: Sequence[FilePlan]) -> list[Records]:
    """The replays, with a bar that moves with each place; names lose their start, not their end."""
    total = len(configs) * sum(plan.places for plan in plans)
    with progress_bar() as progress:
        task = progress.add_task("starting", total=total)

        def watch(name: str) -> None:
            progress.update(task, advance=1, description=name[-40:])

        return replay_side_by_side(configs, plans, Path.cwd(), watch)


def show(report: Report, json_file: Path | None) -> None:
    """Prints the table and the Markdown row, and writes the JSON."""
    console = terminal()
    console.print(as_table(report))
    console.print(f"{MARKDOWN_HEADER}\n{markdown_row(report)}", markup=False, soft_wrap=True)
    write_json(as_json(report), json_file, console)


def write_json(found: Any, json_file: Path | None, console: Terminal) -> None:
    """Writes everything, where a file is named."""
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        console.print(f"all figures: {json_file}", soft_wrap=True)
