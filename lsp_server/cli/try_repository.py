"""`lory try`: what Lory would have saved in a repository's last commits."""

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from lsp_server.bench.commits.figures import ServerFigures, figures_of
from lsp_server.bench.commits.trial import Trial, try_commits
from lsp_server.bench.config import OWN_SERVER, ReplayConfig, TryConfig
from lsp_server.bench.editors import EditorName
from lsp_server.bench.machine import describe_machine
from lsp_server.bench.reporting.bootstrapping import Bootstrap
from lsp_server.bench.reporting.trial_page import html_page
from lsp_server.bench.reporting.trial_report import report_table, report_text
from lsp_server.cli.bench.options import JsonFile, Ready, Seed
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import progress_bar, terminal
from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.bundles.kept import find_bundle

JEDI = "jedi-language-server"


@dataclass(frozen=True, slots=True)
class Server:
    """One that is tried."""

    name: str
    config: ReplayConfig


Repo = Annotated[
    Path, typer.Argument(metavar="[REPO]", help="A git repository; without it, this folder's.")
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="A kept model or a bundle to try beside the one in use; or two."),
]
Jedi = Annotated[bool, typer.Option(help=f"The menu of {JEDI} beside it, where it is installed.")]
Editor = Annotated[EditorName, typer.Option(help="Whose defaults the code is typed with.")]
Html = Annotated[Path | None, typer.Option(help="Where the report goes as a page.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountOptions:
    """How much is typed, as TryConfig names it."""

    commits: Annotated[int, typer.Option(help="Commits at most.")] = TryConfig.commits
    characters: Annotated[int, typer.Option(help="Characters of each commit at most.")] = (
        TryConfig.characters
    )
    looked_at: Annotated[
        int, typer.Option("--look-at", help="Commits to look at for such as added Python.")
    ] = TryConfig.looked_at
    seconds: Annotated[float, typer.Option(help="Time in all.")] = TryConfig.seconds
    seed: Seed = TryConfig.seed


@grouped_options
def try_command(
    amount: AmountOptions,
    repository: Repo = Path("."),
    model: Models = None,
    jedi: Jedi = True,
    editor: Editor = EditorName.VSCODE,
    ready_timeout: Ready = ReplayConfig.ready_timeout,
    html: Html = None,
    json_file: JsonFile = None,
) -> None:
    """Type what a repository's last commits added, and say what Lory would have saved.

    The files are read from git and typed key by key into what they were before each commit, so
    that Lory has not seen them. Nothing leaves the machine, and the repository is only read.
    """
    config = TryConfig(repository=repository.expanduser(), **asdict(amount))
    servers = servers_to_try(model or [], editor, ready_timeout, jedi=jedi)
    try_servers(config, servers, html, json_file)


def try_servers(
    config: TryConfig, servers: Sequence[Server], html: Path | None, json_file: Path | None
) -> None:
    """Have servers type the same commits, and print what each would have saved."""
    trial = with_progress(config, [server.config for server in servers])
    names = [server.name for server in servers]
    figures = figures_of(trial, names, Bootstrap(config.seed, config.resamples))
    show(trial, figures)
    console = terminal()
    if html is not None:
        html.write_text(html_page(trial, figures), encoding="utf-8")
        console.print(f"the report as a page: {html}", soft_wrap=True)
    if json_file is not None:
        json_file.write_text(as_json(config, trial, figures), encoding="utf-8")
        console.print(f"all figures: {json_file}", soft_wrap=True)


def with_progress(config: TryConfig, servers: Sequence[ReplayConfig]) -> Trial:
    """The trial, with a bar that shows how much of the time or of the commits is over."""
    with progress_bar() as progress:
        task = progress.add_task("starting", total=1.0)

        def watch(name: str, share: float) -> None:
            progress.update(task, completed=share, description=name)

        return try_commits(config, servers, watch)


def servers_to_try(
    models: Sequence[str], editor: EditorName, ready_timeout: float, *, jedi: bool
) -> list[Server]:
    """Lory by each model, and jedi-language-server's first menu item where there is one."""
    bundles = [*models]
    if len(bundles) < 2:
        bundles.insert(0, "")
    found = [own_server(bundle, editor, ready_timeout) for bundle in bundles]
    if jedi and (command := find_jedi()):
        found.append(
            Server(
                f"{JEDI}, first item",
                ReplayConfig(
                    command=(command,), menu=True, editor=editor, ready_timeout=10.0, timeout=1.0
                ),
            )
        )
    return found


def own_server(bundle: str, editor: EditorName, ready_timeout: float) -> Server:
    """Lory by a model, "" for the one in use.

    Raises BundleError, before anything is typed, for one that cannot be loaded.
    """
    folder = find_bundle(bundle).resolve()
    name = f"Lory, {load(folder).manifest.name}" if bundle else "Lory"
    options = {"bundle": str(folder)} if bundle else {}
    config = ReplayConfig(
        command=OWN_SERVER, options=options, editor=editor, ready_timeout=ready_timeout
    )
    return Server(name, config)


def find_jedi() -> str | None:
    """The program, beside this Python or on the path."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(JEDI, path=beside) or shutil.which(JEDI)


def show(trial: Trial, figures: Sequence[ServerFigures]) -> None:
    """Prints the report."""
    console = terminal()
    before, after = report_text(trial, figures)
    console.print(before)
    console.print(report_table(figures))
    console.print(after)


def as_json(config: TryConfig, trial: Trial, figures: Sequence[ServerFigures]) -> str:
    """Everything, for programs."""
    commits = [
        {
            "commit": commit.digest,
            "parent": commit.parent,
            "blocks": [
                [
                    {"file": record.file, "line": record.line, **asdict(record.tally)}
                    for record in (records.blocks if records else ())
                ]
                for records in commit.records
            ],
        }
        for commit in trial.commits
    ]
    found = {
        "command": ["lory", *sys.argv[1:]],
        "config": {**asdict(config), "repository": str(config.repository)},
        "machine": describe_machine(),
        "seconds": round(trial.seconds, 1),
        "looked_at": trial.looked_at,
        "out_of_time": trial.out_of_time,
        "left_out": list(trial.left_out),
        "servers": [asdict(each) for each in figures],
        "commits": commits,
    }
    return json.dumps(found, indent=1) + "\n"
