"""`lory bench replay` and the table of the other `lory bench` commands.

The other commands are in the files of this folder, one each.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.editors import EditorName
from lsp_server.bench.replay.extract import extract
from lsp_server.bench.texts.files import PYTHON, read_targets, thin_out
from lsp_server.bench.texts.forms import Form
from lsp_server.cli.bench import options
from lsp_server.cli.bench.compare import compare_command
from lsp_server.cli.bench.crossfile import crossfile_command
from lsp_server.cli.bench.engines import engines_command
from lsp_server.cli.bench.fit import fit_command
from lsp_server.cli.bench.load import load_command
from lsp_server.cli.bench.measuring import measure, show
from lsp_server.cli.bench.passages import mixed_command, passages_command
from lsp_server.cli.bench.serve import serve_command
from lsp_server.cli.bench.snippets import snippets_command
from lsp_server.cli.bench.soak import soak_command
from lsp_server.cli.bench.start import start_command
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import terminal
from lsp_server.contract.languages.profiles import has_grammar

app = typer.Typer(
    help="Measure a language server as an editor's user would, and engines side by side.",
    no_args_is_help=True,
)
app.command("compare")(compare_command)
app.command("crossfile")(crossfile_command)
app.command("engines")(engines_command)
app.command("fit")(fit_command)
app.command("load")(load_command)
app.command("mixed")(mixed_command)
app.command("passages")(passages_command)
app.command("serve")(serve_command)
app.command("snippets")(snippets_command)
app.command("soak")(soak_command)
app.command("start")(start_command)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorOptions:
    """What the user types with."""

    menu: Annotated[bool, typer.Option("--menu", help="Ask for the completion menu.")] = (
        ReplayConfig.menu
    )
    top: Annotated[
        int | None, typer.Option(help="Items on show; without it, 1 of a menu, all inline ones.")
    ] = ReplayConfig.top
    editor: Annotated[EditorName, typer.Option(help="Whose defaults the user types with.")] = (
        ReplayConfig.editor
    )
    eol: Annotated[str, typer.Option(help="Line ends of the files: lf or crlf.")] = "lf"
    indent: Annotated[
        str, typer.Option(help="Their indentation: tab, 2, 4 or 8; without it, as they are.")
    ] = ""


@app.command("replay")
@grouped_options
def replay_command(
    sources: options.SourceOptions,
    server: options.ServerOptions,
    places: options.PlaceOptions,
    user: EditorOptions,
    language: options.Languages = None,
    json_file: options.JsonFile = None,
    beside: options.Beside = None,
) -> None:
    """Type real code, key by key, and say what was saved; all but Python in a plain editor."""
    config = places.config(
        command=server.command,
        options=server.settings,
        menu=user.menu,
        top=user.top,
        editor=user.editor if any(map(has_grammar, language or (PYTHON,))) else EditorName.PLAIN,
        form=Form(user.eol, user.indent),
    )
    chosen = thin_out(sources.read(language), config.max_files, config.seed)
    show(measure(config, chosen, beside), json_file)


@app.command("extract")
def extract_command(
    targets: Annotated[Path, typer.Option(help="JSON Lines (.gz) with repo, path and head.")],
    git: Annotated[
        str, typer.Option(help="Local clones, with {owner} and {name}: clones/{owner}/{name}.git")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write owner/name/path below.")],
    whole: Annotated[
        bool, typer.Option("--whole", help="The other Python files of each commit too.")
    ] = False,
) -> None:
    """Write files of repositories at commits, to replay them."""
    written = extract(read_targets(targets), git, out, whole=whole)
    terminal().print(f"{written} files written below {out}")
