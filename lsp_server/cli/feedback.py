"""`lory feedback` and `lory stats`: show, export or delete the recorded feedback."""

import csv
import json
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import time
from typing import Annotated, Any, TextIO

import typer
from rich.table import Table

from lsp_server.cli.tables import terminal
from lsp_server.contract.feedback_store import SCHEMA, TABLE, database_path
from lsp_server.errors import FeedbackError
from lsp_server.feedback.database import (
    COLUMNS,
    LISTS,
    NULLABLE,
    TYPES,
    open_for_reading,
    unreadable,
)
from lsp_server.feedback.figures import Figures, by_day, by_language, figures_of
from lsp_server.feedback.purge import delete_database, delete_rows

app = typer.Typer(help="What is kept of suggestions, on this machine alone.", no_args_is_help=True)

NOTHING_YET = (
    "Nothing is kept in {path}. An editor's setting feedback, off by default, makes Lory keep what "
    "becomes of suggestions."
)
KEPT = (
    "Of each suggestion: its text, token probabilities, rank, latency and language, a hash of the "
    "prompt, and what you did with it. {text} Nothing leaves this machine."
)
DAY_SECONDS = 86_400.0
SHOWN_TEXT = 48
Since = Annotated[str, typer.Option(metavar="DATE", help="Such as 2026-11-25, local time.")]


class Format(StrEnum):
    """Of an export."""

    JSONL = "jsonl"
    CSV = "csv"


def read_rows(since: float = 0.0) -> list[dict[str, Any]]:
    """Rows from a time on, the earliest first; none without a database."""
    path = database_path()
    if not path.exists():
        return []
    with closing(open_for_reading(path)) as connection:
        try:
            found = connection.execute(
                f"SELECT * FROM {TABLE} WHERE time >= ? ORDER BY time, id", (since,)
            )
            return [checked(dict(row)) for row in found]
        except (sqlite3.Error, TypeError, ValueError) as exc:
            raise unreadable(path, exc) from exc


def checked(row: dict[str, Any]) -> dict[str, Any]:
    """A row as Lory writes it; TypeError or ValueError for another."""
    for name in COLUMNS:
        value = row[name]
        if value is None and name in NULLABLE:
            continue
        kinds = {"REAL": (float, int), "INTEGER": (int,)}.get(TYPES.get(name, ""), (str,))
        if not isinstance(value, kinds):
            raise TypeError(f"{name} {value!r}")
        if name in LISTS and not isinstance(json.loads(str(value)), list):
            raise TypeError(f"{name} {value!r}")
    return row


@app.command()
def status() -> None:
    """Say what is kept, and where."""
    path = database_path()
    if not path.exists():
        typer.echo(NOTHING_YET.format(path=path))
        return
    rows = read_rows()
    with_text = sum(row["prefix"] is not None for row in rows)
    around = f"With {with_text} of them the text around the cursor is kept (feedback_text)."
    typer.echo(f"{path}: {len(rows)} suggestions, {path.stat().st_size:,} bytes, schema {SCHEMA}")
    if rows:
        typer.echo(f"from {moment(rows[0]['time'])} to {moment(rows[-1]['time'])}")
    without = "The text around the cursor is not kept."
    typer.echo(KEPT.format(text=around if with_text else without))
    typer.echo("Delete it with: lory feedback purge")


@app.command("show")
def show_command(
    count: Annotated[int, typer.Option(min=1, help="Suggestions at most.")] = 20,
) -> None:
    """Show the latest suggestions and what became of them."""
    rows = read_rows()[-count:]
    if not rows:
        typer.echo(NOTHING_YET.format(path=database_path()))
        return
    table = Table("time", "language", "suggestion", "p", "ms", "outcome", "kept")
    for row in rows:
        kept = row["retained_characters"]
        table.add_row(
            moment(row["time"]),
            row["language"],
            json.dumps(row["text"], ensure_ascii=False)[1 : SHOWN_TEXT + 1].removesuffix('"'),
            f"{row['probability']:.2f}",
            f"{row['latency_ms']:.0f}",
            row["outcome"],
            "" if kept is None else f"{kept}/{row['accepted_characters']}",
        )
    terminal().print(table)


@app.command("export")
def export_command(
    form: Annotated[Format, typer.Option("--format", help="Of the rows.")] = Format.JSONL,
    since: Since = "",
    out: Annotated[Path | None, typer.Option(help="A file; standard output unless given.")] = None,
) -> None:
    """Write all rows as JSON lines or CSV."""
    rows = read_rows(parse_date(since) if since else 0.0)
    write = write_jsonl if form is Format.JSONL else write_csv
    if out is None:
        write(rows, sys.stdout)
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            write(rows, file)
    except OSError as exc:
        raise FeedbackError(
            f"export: expected a file that can be written, found {out}: {exc}; name another"
        ) from exc


def write_jsonl(rows: list[dict[str, Any]], file: TextIO) -> None:
    """A JSON object a line; lists as lists."""
    for row in rows:
        plain = {name: json.loads(value) if name in LISTS else value for name, value in row.items()}
        file.write(json.dumps(plain, ensure_ascii=False) + "\n")


def write_csv(rows: list[dict[str, Any]], file: TextIO) -> None:
    """A line of column names, then one for each row."""
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)


@app.command()
def purge(
    before: Annotated[str, typer.Option(metavar="DATE", help="Only what is older.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete what is kept: all of it, or what is older than a date."""
    path = database_path()
    limit = parse_date(before) if before else None
    if not path.exists():
        typer.echo(NOTHING_YET.format(path=path))
        return
    what = f"what was kept before {before}" if before else "all that is kept"
    if not yes and not typer.confirm(f"Delete {what} in {path}?"):
        typer.echo("Nothing was deleted.")
        return
    if limit is None:
        typer.echo(f"{delete_database(path)} was deleted.")
    else:
        typer.echo(f"{delete_rows(path, limit)} suggestions were deleted.")


def stats(
    days: Annotated[int, typer.Option(min=1, help="The last days alone.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    png: Annotated[Path | None, typer.Option(help="Also draw the days to this file.")] = None,
) -> None:
    """Show what suggestions were worth: acceptance, characters saved, latency."""
    rows = [row for row in read_rows(time() - days * DAY_SECONDS) if row["shown"]]
    if png is not None and rows:
        from lsp_server.feedback.plot import plot_days

        plot_days(by_day(rows), png)
    if as_json:
        parts = {"days": by_day(rows), "languages": by_language(rows)}
        named = {
            part: {key: asdict(f) for key, f in found.items()} for part, found in parts.items()
        }
        typer.echo(json.dumps({"all": asdict(figures_of(rows)), **named}))
    elif not rows:
        typer.echo(NOTHING_YET.format(path=database_path()))
    else:
        console = terminal()
        console.print(figures_table(f"last {days} days", {"all": figures_of(rows)}))
        console.print(
            figures_table("day", by_day(rows)), figures_table("language", by_language(rows))
        )


def figures_table(label: str, named: Mapping[str, Figures]) -> Table:
    """Figures by name, a row each."""
    head = ("shown", "accepted", "95 %", "saved characters", "still there", "p50 ms", "p95 ms")
    table = Table(label, *head)
    for name, item in named.items():
        table.add_row(
            name,
            str(item.shown),
            f"{item.acceptance:.0%}",
            f"{item.low:.0%} to {item.high:.0%}",
            str(item.saved_characters),
            "" if item.retained is None else f"{item.retained:.0%}",
            f"{item.latency_p50:.0f}",
            f"{item.latency_p95:.0f}",
        )
    return table


def moment(seconds: float) -> str:
    """A time for people, local."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def parse_date(text: str) -> float:
    """The local midnight that a date begins with; FeedbackError for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").astimezone().timestamp()
    except ValueError as exc:
        raise FeedbackError(f"expected a date such as 2026-11-25, found {text!r}") from exc
