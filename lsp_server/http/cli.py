"""`lory serve`: the service for a team, the keys of its people, and its bundle."""

import json
import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from lsp_server.contract.bundles.kept import find_bundle
from lsp_server.errors import ServeError, SettingsError
from lsp_server.http.config import ServeConfig, state_folder
from lsp_server.settings import LogLevel

app = typer.Typer(
    help="One service for a team: people keep their editor plugins, and it completes for all.",
    invoke_without_command=True,
    no_args_is_help=False,
)
keys_app = typer.Typer(help="Who may ask.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

DEFAULTS = ServeConfig()
ENGINES_OF_A_REPLICA = 1
State = Annotated[
    Path | None, typer.Option(help="Folder of the keys and the control socket.", show_default=False)
]


def state_of(state: Path | None) -> ServeConfig:
    """The configuration that names the files in a folder."""
    return ServeConfig(state=state or state_folder())


Host = Annotated[str, typer.Option(help="To listen on; any but this machine's needs keys.")]
Port = Annotated[int, typer.Option(help="0 for any that is free.")]
Bundle = Annotated[str, typer.Option(help="A kept model, or a bundle's folder.")]
Given = Annotated[str, typer.Option(help="Other settings, as a JSON object.")]
Engines = Annotated[
    int | None,
    typer.Option(help="Processes that run the model; a core each, or with --ray one a replica."),
]
Megabytes = Annotated[int, typer.Option(help="Of key-value caches, all engines together.")]
Hosts = Annotated[list[str] | None, typer.Option(help="Requests may be for it, without keys.")]
Origins = Annotated[list[str] | None, typer.Option(help="A web page that may ask.")]
Concurrency = Annotated[int, typer.Option(help="Requests of one person at a time.")]
Rate = Annotated[float, typer.Option(help="Requests of one person a second.")]
Burst = Annotated[int, typer.Option(help="Requests of one person at once.")]
Wait = Annotated[float, typer.Option(help="Seconds; who has to expect more is refused at once.")]
Deadline = Annotated[float, typer.Option(help="Seconds after which a request is given up.")]
Whole = Annotated[float, typer.Option(help="Seconds to send a whole request.")]
Idle = Annotated[float, typer.Option(help="Seconds between two requests of a connection.")]
Ray = Annotated[bool, typer.Option("--ray", help="On a cluster, by Ray Serve.")]
Replicas = Annotated[int, typer.Option(help="With --ray: copies of the service at least.")]
MostReplicas = Annotated[int, typer.Option(help="With --ray: copies at most, as load asks for.")]
Level = Annotated[LogLevel, typer.Option(help="info: a line for each request.")]


@app.callback()
def serve_command(  # noqa: PLR0913 - its options are ServeConfig's fields
    context: typer.Context,
    host: Host = DEFAULTS.host,
    port: Port = DEFAULTS.port,
    bundle: Bundle = "",
    settings: Given = "{}",
    state: State = None,
    engines: Engines = None,
    cache_megabytes: Megabytes = DEFAULTS.cache_megabytes,
    allow_host: Hosts = None,
    allow_origin: Origins = None,
    concurrency: Concurrency = DEFAULTS.concurrency,
    rate: Rate = DEFAULTS.rate,
    burst: Burst = DEFAULTS.burst,
    longest_wait: Wait = DEFAULTS.longest_wait,
    deadline: Deadline = DEFAULTS.deadline,
    head_seconds: Whole = DEFAULTS.head_seconds,
    idle_seconds: Idle = DEFAULTS.idle_seconds,
    ray: Ray = False,
    replicas: Replicas = DEFAULTS.replicas,
    most_replicas: MostReplicas = DEFAULTS.most_replicas,
    log_level: Level = LogLevel.WARNING,
) -> None:
    """Serve completions over HTTP."""
    if context.invoked_subcommand is not None:
        return
    given = read_json(settings)
    if engines is None:
        engines = ENGINES_OF_A_REPLICA if ray else DEFAULTS.engines
    config = ServeConfig(
        host=host,
        port=port,
        state=state or state_folder(),
        settings={**given, "bundle": bundle} if bundle else given,
        engines=engines,
        cache_megabytes=cache_megabytes,
        hosts=tuple(allow_host or ()),
        origins=tuple(allow_origin or ()),
        concurrency=concurrency,
        rate=rate,
        burst=burst,
        longest_wait=longest_wait,
        deadline=deadline,
        head_seconds=head_seconds,
        idle_seconds=idle_seconds,
        replicas=replicas,
        most_replicas=max(replicas, most_replicas),
    )
    run_service(config, log_level, on_ray=ray)


def run_service(config: ServeConfig, level: LogLevel, *, on_ray: bool) -> None:
    """Serve until a signal ends it. ServeError without the extra."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    logging.getLogger("lsp_server").setLevel(level.upper())
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    if on_ray and find_spec("ray") is None:
        raise missing("ray", "ray")
    try:
        if on_ray:
            from lsp_server.http.cluster.process import serve_on_ray as serve
        else:
            from lsp_server.http.server import serve
    except ImportError as exc:
        raise missing("http", exc.name) from exc
    serve(config)


def missing(extra: str, name: str | None) -> ServeError:
    """Says which extra is needed, because a module is not there."""
    return ServeError(
        f"expected the extra {extra}, found no {name}; run: pip install 'lory-lsp[{extra}]'"
    )


def read_json(text: str) -> dict[str, Any]:
    """The settings of the command line. SettingsError where they are no JSON object."""
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise SettingsError(f"--settings: expected JSON, found {text!r}: {exc}") from exc
    if not isinstance(found, dict):
        raise SettingsError(f"--settings: expected a JSON object, found {text!r}")
    return found


@app.command("reload")
def reload_command(
    bundle: Annotated[
        str | None, typer.Option(help="Another model or bundle; else the files as they are now.")
    ] = None,
    state: State = None,
) -> None:
    """Swap the bundle of the running service; one that fails its check is not taken."""
    from lsp_server.http.operation.control import ask_service

    folder = None if bundle is None else str(find_bundle(bundle).resolve())
    found = ask_service(state_of(state).control, {"command": "reload", "bundle": folder})
    typer.echo(f"serving {found['model']}")


@app.command("status")
def status_command(state: State = None) -> None:
    """Print what the running service is at, as JSON."""
    from lsp_server.http.operation.control import ask_service

    typer.echo(json.dumps(ask_service(state_of(state).control, {"command": "status"})))


@keys_app.command("add")
def add_command(
    name: Annotated[str, typer.Argument(help="The person's.")],
    admin: Annotated[bool, typer.Option("--admin", help="Opens /admin and /metrics too.")] = False,
    state: State = None,
) -> None:
    """Make a key and print it, once."""
    from lsp_server.http.people.keys import add_key

    typer.echo(add_key(state_of(state).keys, name, admin=admin))


@keys_app.command("list")
def list_command(state: State = None) -> None:
    """Print whose keys there are; not the keys, which nobody knows."""
    from lsp_server.http.people.keys import read_keys

    for key in read_keys(state_of(state).keys):
        role = "admin" if key.admin else "person"
        typer.echo(f"{key.id}  {key.added}  {role:<6}  {key.name}")


@keys_app.command("revoke")
def revoke_command(
    named: Annotated[str, typer.Argument(metavar="NAME", help="Or the id of one key.")],
    state: State = None,
) -> None:
    """Take a person's keys away; a running service knows within a second."""
    from lsp_server.http.people.keys import revoke_keys

    for key in revoke_keys(state_of(state).keys, named):
        typer.echo(f"revoked {key.id} of {key.name}")
