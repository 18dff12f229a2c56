"""`lory bench serve`: lets a team of developers work against a running service."""

import json
import sysconfig
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from lsp_server.bench.serve.developers import PREFIX_CHARACTERS
from lsp_server.bench.serve.http_client import Address
from lsp_server.bench.serve.load import (
    TeamConfig,
    TeamFigures,
    measure_team,
    read_sources,
    team_table,
)
from lsp_server.bench.serve.side_by_side import ask_in_turn, side_table
from lsp_server.bench.serve.starting import measure_service_starts, service_starts_table
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """The service that is asked."""

    port: Annotated[int, typer.Option(help="Of a service that runs already.")] = 8012
    host: Annotated[str, typer.Option(help="Where it runs.")] = "127.0.0.1"
    key: Annotated[str, typer.Option(envvar="LORY_KEY", help="An administrator's.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamOptions:
    """Who asks it, what and for how long."""

    developers: Annotated[
        list[int] | None, typer.Option(help="At work at once; repeat for several runs.")
    ] = None
    seconds: Annotated[float, typer.Option(help="Of each run.")] = 60.0
    plugin: Annotated[
        str, typer.Option(help="debounced, llama.vim, minuet or tabby; else the usual mix.")
    ] = ""
    prefix: Annotated[
        int, typer.Option(help="Characters before the cursor: the median.", min=10)
    ] = PREFIX_CHARACTERS
    files: Annotated[
        Path | None, typer.Option(help="Python files to type in; else the standard library.")
    ] = None
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0

    def measure(self, address: Address) -> list[TeamFigures]:
        """A run for each number of developers."""
        sources = read_sources(self.files or Path(sysconfig.get_path("stdlib")) / "asyncio")
        team = TeamConfig(
            address=address,
            seconds=self.seconds,
            seed=self.seed,
            plugin=self.plugin,
            prefix=self.prefix,
        )
        counts = self.developers or [team.developers]
        return [measure_team(replace(team, developers=count), sources) for count in counts]


@grouped_options
def serve_command(
    service: ServiceOptions,
    team: TeamOptions,
    beside: Annotated[
        int | None, typer.Option(help="Port of another: both are asked the same, in turn.")
    ] = None,
    requests: Annotated[int, typer.Option(help="With --beside: to each.", min=1)] = 1500,
    starts: Annotated[
        int, typer.Option(help="Start so many services instead, and say when each completes.")
    ] = 0,
    batching: Annotated[
        bool, typer.Option("--batching", help="How much batching could save, without a service.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
) -> None:
    """Ask a service as a team's editors do: latencies, refusals, failures, memory."""
    if batching:
        show_batching()
        return
    if starts:
        terminal().print(service_starts_table(measure_service_starts(starts)))
        return
    if beside is not None:
        both = [Address(service.host, each, service.key) for each in (service.port, beside)]
        terminal().print(side_table(ask_in_turn(both, requests)))
        return
    runs = team.measure(Address(service.host, service.port, service.key))
    terminal().print(team_table(runs))
    if output is not None:
        output.write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n")


def show_batching() -> None:
    """Print what several tokens in a call of the shipped graph take."""
    from lsp_server.bench.serve.batching import batch_table, measure_calls
    from lsp_server.contract.bundles.bundle import load
    from lsp_server.contract.bundles.kept import SHIPPED_FOLDER
    from lsp_server.settings import Settings

    settings = Settings()
    bundle = load(SHIPPED_FOLDER)
    terminal().print(batch_table(measure_calls(bundle, settings.threads, cached=600)))
