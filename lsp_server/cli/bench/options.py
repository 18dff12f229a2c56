"""Command-line options that several benchmarks share."""

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[Path] | None, typer.Option(help="A workspace; all its files of the language count.")
]
Languages = Annotated[
    list[str] | None, typer.Option("--language", help="Language ids; without one, python.")
]
Targets = Annotated[
    Path | None, typer.Option("--list", help="JSON Lines (.gz) with repo, path: files to take.")
]
TargetsRoot = Annotated[
    Path | None, typer.Option(help="Folder of the list's repositories, as extract writes it.")
]
Server = Annotated[str | None, typer.Option(help="The server's command; without it, Lory's own.")]
ServerOption = Annotated[
    list[str] | None, typer.Option(metavar="KEY=VALUE", help="An initialization option.")
]
Workspace = Annotated[
    Path | None, typer.Option(help="The workspace's folder; without it, an empty one.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Where all figures are written.")]
Beside = Annotated[
    Path | None, typer.Option(help="What --json wrote of the same places: say what has changed.")
]
Blocks = Annotated[int, typer.Option(help="Blocks to type.")]
Passages = Annotated[
    int,
    typer.Option(
        min=1,
        help="Blocks of 12 lines per file at most, and as many pieces in the middle of lines.",
    ),
]
Points = Annotated[int, typer.Option(help="Cursors to ask at, the rest of the line cut off.")]
Gaps = Annotated[int, typer.Option(help="Cursors to ask at, code behind them, in both ways.")]
Seed = Annotated[int, typer.Option(help="Of every choice.")]
Timeout = Annotated[float, typer.Option(help="Seconds per request.")]
Ready = Annotated[float, typer.Option(help="Seconds to get ready in.")]
MaxFiles = Annotated[int, typer.Option(help="Files at most.")]
