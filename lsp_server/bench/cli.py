"""`lory bench`: takes files and a server's command, prints how good and how fast it is.

`engines_cli.py` has the comparison of engines, `load_cli.py` the fast typist,
`start_cli.py` the start.
"""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from lsp_server.bench import options
from lsp_server.bench.beside import changes_since, check_places, read_earlier
from lsp_server.bench.config import OWN_SERVER, ReplayConfig, parse_options
from lsp_server.bench.crossfile_cli import crossfile_command
from lsp_server.bench.engines_cli import engines_command
from lsp_server.bench.extract import extract
from lsp_server.bench.figures import Bootstrap, compute_figures
from lsp_server.bench.files import SourceFile, read_sources, read_targets, thin_out
from lsp_server.bench.fit_cli import fit_command
from lsp_server.bench.load_cli import load_command
from lsp_server.bench.replay import FilePlan, Records, Watch, plan_replay, replay
from lsp_server.bench.report import MARKDOWN_HEADER, Report, as_json, as_table, markdown_row
from lsp_server.bench.start_cli import start_command

app = typer.Typer(
    help="Measure a language server as an editor's user would, and engines side by side.",
    no_args_is_help=True,
)
app.command("crossfile")(crossfile_command)
app.command("engines")(engines_command)
app.command("fit")(fit_command)
app.command("load")(load_command)
app.command("start")(start_command)


@app.command("replay")
def replay_command(
    files: options.Files = None,
    targets: options.Targets = None,
    root: options.TargetsRoot = None,
    server: options.Server = None,
    menu: Annotated[bool, typer.Option("--menu", help="Ask for the completion menu.")] = (
        ReplayConfig.menu
    ),
    top: Annotated[
        int | None, typer.Option(help="Items on show; without it, 1 of a menu, all inline ones.")
    ] = ReplayConfig.top,
    option: options.ServerOption = None,
    blocks: Annotated[int, typer.Option(help="Blocks to type.")] = ReplayConfig.blocks,
    points: Annotated[int, typer.Option(help="Cursors to ask at.")] = ReplayConfig.points,
    seed: Annotated[int, typer.Option(help="Of every choice.")] = ReplayConfig.seed,
    max_files: Annotated[int, typer.Option(help="Files at most.")] = ReplayConfig.max_files,
    timeout: Annotated[float, typer.Option(help="Seconds per request.")] = ReplayConfig.timeout,
    ready: Annotated[
        float, typer.Option(help="Seconds to get ready in.")
    ] = ReplayConfig.ready_timeout,
    json_file: options.JsonFile = None,
    beside: options.Beside = None,
) -> None:
    """Type real code through a language server, key by key, and say what its suggestions saved."""
    config = ReplayConfig(
        command=tuple(shlex.split(server)) if server else OWN_SERVER,
        menu=menu,
        top=top,
        options=parse_options(option or ()),
        blocks=blocks,
        points=points,
        seed=seed,
        max_files=max_files,
        timeout=timeout,
        ready_timeout=ready,
    )
    chosen = thin_out(read_sources(files, targets, root), config.max_files, config.seed)
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
    Console().print(f"{written} files written below {out}")


def measure(config: ReplayConfig, files: list[SourceFile], beside: Path | None) -> Report:
    """The replay of these files, and the figures of what came of it, beside an earlier one."""
    plans = plan_replay(config, files)
    earlier = read_earlier(beside) if beside else None
    if earlier:
        check_places(earlier, plans)
    records = with_progress(config, plans)
    bootstrap = Bootstrap(config.seed, config.resamples)
    return Report(
        command=("lory", *sys.argv[1:]),
        config=config,
        files=[file.name for file in files],
        records=records,
        figures=compute_figures(records, bootstrap),
        changes=changes_since(earlier, records, bootstrap) if earlier else None,
    )


def with_progress(config: ReplayConfig, plans: list[FilePlan]) -> Records:
    """The replay, with a bar that moves with each point and block."""
    total = sum(len(plan.points) + len(plan.blocks) for plan in plans)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=total)
        watch: Watch = watcher(lambda name: progress.update(task, advance=1, description=name))
        return replay(config, plans, Path.cwd(), watch)


def watcher(advance: Callable[[str], None]) -> Watch:
    """Tells only a name's end, so that the bar keeps its place."""
    return lambda name: advance(name[-40:])


def show(report: Report, json_file: Path | None) -> None:
    """Prints the table and the Markdown row, and writes the JSON."""
    console = Console()
    console.print(as_table(report))
    console.print(f"{MARKDOWN_HEADER}\n{markdown_row(report)}", markup=False, soft_wrap=True)
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(report), indent=1) + "\n", encoding="utf-8")
        console.print(f"all figures: {json_file}", soft_wrap=True)
