"""`lory bench engines`: compares engines on a bundle's weights."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from lsp_server.bench.config import EnginesConfig
from lsp_server.bench.engines.comparison import EngineRuns, measure
from lsp_server.bench.engines.figures import compute
from lsp_server.bench.engines.peers import peer_names
from lsp_server.bench.engines.report import as_json, as_markdown, as_table
from lsp_server.cli.bench import options
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import progress_bar, terminal
from lsp_server.contract.bundles.kept import SHIPPED_FOLDER
from lsp_server.errors import BenchError


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOptions:
    """What each engine has to do, as EnginesConfig names it."""

    prompts: Annotated[int, typer.Option(help="Different prompts.")] = EnginesConfig.prompts
    prompt_tokens: Annotated[int, typer.Option("--tokens", help="Of a prompt.")] = (
        EnginesConfig.prompt_tokens
    )
    new_tokens: Annotated[int, typer.Option("--new", help="Tokens to write.")] = (
        EnginesConfig.new_tokens
    )
    rounds: Annotated[int, typer.Option(help="Turns of every engine.")] = EnginesConfig.rounds


@grouped_options
def engines_command(
    amount: WorkOptions,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of the bundle; without it, the shipped one.")
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="One to measure; without it, all known.")
    ] = None,
    threads: Annotated[
        list[int] | None, typer.Option(help="Measure on so many; without it, on 1 and on 2.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder that keeps converted models; else they are deleted.")
    ] = None,
    json_file: options.JsonFile = None,
) -> None:
    """Measure engines on the same weights: reading a prompt, writing tokens, memory."""
    config = EnginesConfig(
        bundle=bundle or SHIPPED_FOLDER,
        threads=tuple(threads or EnginesConfig.threads),
        **asdict(amount),
    )
    known = peer_names()
    if strangers := sorted(set(engine or ()) - set(known)):
        raise BenchError(f"expected engines of {', '.join(known)}; found {', '.join(strangers)}")
    outcomes = compute(run(config, engine or known, work), config.prompt_tokens)
    console = terminal()
    console.print(as_table(outcomes, config))
    console.print(as_markdown(outcomes), markup=False, soft_wrap=True)
    if json_file is not None:
        record = as_json(outcomes, config, ("lory", *sys.argv[1:]))
        json_file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def run(config: EnginesConfig, names: list[str], work: Path | None) -> list[EngineRuns]:
    """The measurement with a bar, in a folder that is deleted unless it is named."""
    with progress_bar() as progress:
        task = progress.add_task("starting", total=None)

        def watch(name: str) -> None:
            progress.update(task, advance=1, description=name)

        if work is not None:
            return measure(config, names, work, watch)
        with TemporaryDirectory() as folder:
            return measure(config, names, Path(folder), watch)
