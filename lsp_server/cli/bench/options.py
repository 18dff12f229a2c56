"""Command-line options that several benchmarks share, those that belong together as one."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from lsp_server.bench.config import OWN_SERVER, ReplayConfig, parse_options
from lsp_server.bench.texts.files import PYTHON, SourceFile, read_sources

Languages = Annotated[
    list[str] | None, typer.Option("--language", help="Language ids; without one, python.")
]
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
Passages = Annotated[
    int,
    typer.Option(
        min=1,
        help="Blocks of 12 lines per file at most, and as many pieces in the middle of lines.",
    ),
]
Seed = Annotated[int, typer.Option(help="Of every choice.")]
Ready = Annotated[float, typer.Option("--ready", help="Seconds to get ready in.")]
MaxFiles = Annotated[int, typer.Option(help="Files at most.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Which files are measured on."""

    files: Annotated[
        list[Path] | None, typer.Option(help="A workspace; all its files of the language count.")
    ] = None
    targets: Annotated[
        Path | None, typer.Option("--list", help="JSON Lines (.gz) with repo, path: files to take.")
    ] = None
    root: Annotated[
        Path | None, typer.Option(help="Folder of the list's repositories, as extract writes it.")
    ] = None

    def read(self, languages: Sequence[str] | None = None) -> list[SourceFile]:
        """The files of the languages; without any, Python's. BenchError where they are not told."""
        return read_sources(self.files, self.targets, self.root, languages or (PYTHON,))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Which server is measured, and how it is set."""

    server: Annotated[
        str | None, typer.Option(help="The server's command; without it, Lory's own.")
    ] = None
    option: ServerOption = None

    @property
    def command(self) -> tuple[str, ...]:
        """The server's command line."""
        return command_line(self.server)

    @property
    def settings(self) -> Mapping[str, Any]:
        """initializationOptions. BenchError for a pair that is none."""
        return parse_options(self.option or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOptions:
    """How many places a replay asks at and how long it waits, as ReplayConfig names it."""

    blocks: Annotated[int, typer.Option(help="Blocks to type.")] = ReplayConfig.blocks
    points: Annotated[
        int, typer.Option(help="Cursors to ask at, the rest of the line cut off.")
    ] = ReplayConfig.points
    gaps: Annotated[
        int, typer.Option(help="Cursors to ask at, code behind them, in both ways.")
    ] = ReplayConfig.gaps
    seed: Seed = ReplayConfig.seed
    max_files: MaxFiles = ReplayConfig.max_files
    timeout: Annotated[float, typer.Option(help="Seconds per request.")] = ReplayConfig.timeout
    ready_timeout: Ready = ReplayConfig.ready_timeout

    def config(self, **others: Any) -> ReplayConfig:
        """A replay of these places."""
        return ReplayConfig(**asdict(self), **others)


def command_line(server: str | None) -> tuple[str, ...]:
    """A server's command line; without one, Lory's own."""
    return tuple(shlex.split(server)) if server else OWN_SERVER
