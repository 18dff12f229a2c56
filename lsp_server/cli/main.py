"""The commands of `lory`."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from lsp_server import __version__
from lsp_server.errors import LoryError, SettingsError

app = typer.Typer(
    help="Code completion by a model that you train, align and run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
bundle_app = typer.Typer(help="Look into a bundle.", no_args_is_help=True)
app.add_typer(bundle_app, name="bundle")


@app.command("lsp")
def lsp_command(
    tcp: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Listen on this port of this machine.")
    ] = None,
    stdio: Annotated[bool, typer.Option("--stdio", help="The default; editors add it.")] = False,
) -> None:
    """Serve an editor over standard input and output."""
    from lsp_server.protocol.serve import serve_standard_streams, serve_tcp
    from lsp_server.protocol.wire.ending import leave

    if stdio and tcp is not None:
        raise LoryError("expected --stdio or --tcp, found both; leave one out")
    leave(serve_standard_streams() if tcp is None else serve_tcp(tcp))


@app.command("complete")
def complete_command(
    place: Annotated[
        str, typer.Argument(metavar="[FILE:LINE:COLUMN]", help="Both from 1 on.")
    ] = "",
    prompt: Annotated[
        str | None,
        typer.Option(help="Go on from this text instead, many lines at most; - reads it."),
    ] = None,
    bundle: Annotated[str, typer.Option(help="A kept model, or a bundle's folder.")] = "",
    settings: Annotated[str, typer.Option(help="Other settings, as a JSON object.")] = "{}",
    why: Annotated[bool, typer.Option("--why", help="Tell how that came about.")] = False,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what would be suggested at a place of a file, or what the model writes after a prompt.

    A prompt asks by a comment, or a signature with its docstring: alone, or below one or more
    worked examples of the same form, a blank line after each.
    """
    if (prompt is None) is not bool(place):
        raise LoryError("expected FILE:LINE:COLUMN or --prompt, found both or none; give one")
    try:
        given: dict[str, Any] = json.loads(settings)
    except ValueError as exc:
        raise SettingsError(f"--settings: expected JSON, found {settings!r}: {exc}") from exc
    if bundle:
        given = {**given, "bundle": bundle}
    if prompt is not None:
        from lsp_server.cli.from_prompt import complete_prompt, show_written

        written = complete_prompt(sys.stdin.read() if prompt == "-" else prompt, given)
        sys.stdout.write(show_written(written, as_json=json_wanted))
        return
    from lsp_server.cli.complete import as_json, complete_at, parse_place, show

    trial = complete_at(parse_place(place), given)
    sys.stdout.write(as_json(trial, why=why) if json_wanted else show(trial, why=why))


@app.command("demo")
def demo_command() -> None:
    """Show what is suggested at three places of Lory's own source."""
    from lsp_server.cli.demo import demonstrate

    sys.stdout.write(demonstrate())


@bundle_app.command("check")
def check_command(folder: Path) -> None:
    """Verify a bundle: its files, hashes, formats, and that its engine starts."""
    from lsp_server.completion.model.loading import complain, load_model
    from lsp_server.plugins import PluginGuard
    from lsp_server.settings import read_settings

    model = load_model(read_settings({"bundle": str(folder.absolute())}), PluginGuard(complain))
    typer.echo(f"{folder}: {model.title} is in order")


@bundle_app.command("show")
def show_command(folder: Path) -> None:
    """Print what a bundle says of itself."""
    from lsp_server.cli.tables import bundle_tables, terminal
    from lsp_server.contract.bundles.bundle import load

    terminal().print(*bundle_tables(load(folder)), sep="\n")


@app.command("plugins")
def plugins_command() -> None:
    """List the installed plugins, the built-in ones too, and what the built-in engine runs on."""
    from lsp_server.cli.tables import plugin_table, terminal
    from lsp_server.engines.devices import describe_device
    from lsp_server.plugins import list_plugins
    from lsp_server.settings import Settings

    console = terminal()
    console.print(plugin_table(list_plugins()))
    device = describe_device(Settings().device)
    console.print(f"device: {device}", markup=False, highlight=False, soft_wrap=True)


def version_wanted(wanted: bool) -> None:
    """Print the version and end, if asked."""
    if wanted:
        typer.echo(f"lory {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=version_wanted, is_eager=True, help="And end.")
    ] = False,
) -> None:
    """Options of every command."""


@cache
def whole_app() -> typer.Typer:
    """All commands: also those of the tools, which take long to import."""
    from lsp_server.cli.bench.main import app as bench_app
    from lsp_server.cli.feedback import app as feedback_app
    from lsp_server.cli.feedback import stats
    from lsp_server.cli.try_repository import try_command

    app.add_typer(bench_app, name="bench")
    app.add_typer(feedback_app, name="feedback")
    model_app()
    app.command("stats")(stats)
    app.command("try")(try_command)
    return serving_app()


def model_app() -> typer.Typer:
    """The commands that editors run while somebody waits."""
    from lsp_server.cli.models.main import app as models

    app.add_typer(models, name="model")
    return app


def serving_app() -> typer.Typer:
    """The commands that start soon, and the team's service, which is to be ready soon too."""
    from lsp_server.http.cli import app as serve_app

    app.add_typer(serve_app, name="serve")
    return app


def main() -> None:
    """Run the command line; what Lory can explain is one line on standard error and exit code 2."""
    quick = {
        "lsp": lambda: app,
        "serve": serving_app,
        "model": model_app,
    }  # somebody waits: import no more than needed
    try:
        quick.get(sys.argv[1] if sys.argv[1:] else "", whole_app)()()
    except LoryError as exc:
        from lsp_server.contract.bundles.manifest import printable

        sys.stderr.write(f"lory: {printable(str(exc))}\n")
        sys.exit(2)
