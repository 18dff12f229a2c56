"""`lory serve --ray`: starts or joins a cluster, deploys the service there, and ends with it."""

import asyncio
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from lsp_server.errors import ServeError
from lsp_server.http.cluster.environment import (
    ADDRESS,
    CLUSTER,
    ports_of,
    serve_environment,
    token_of,
)
from lsp_server.http.config import ServeConfig
from lsp_server.http.engine.starting import check_bundle
from lsp_server.http.operation.control import ControlSocket
from lsp_server.http.people.register import Register
from lsp_server.http.server import announce, catch_ends, listen, refuse_open_service, say

STORE_BYTES = 80_000_000
"""Of Ray's shared memory, which nothing here uses; it takes no less."""
JOIN = "import sys; from ray._raylet import GcsClient; GcsClient(address=sys.argv[1])"
DEPLOY_SECONDS = 180.0
LOOK, LONGEST_LOOK = 0.1, 5.0


class ClusterProcess:
    """What lasts from the start of `lory serve --ray` to its end."""

    def __init__(self, config: ServeConfig, port: int) -> None:
        self._config = config
        self._port = port
        self._register = Register(config.keys)
        self._control = ControlSocket(config.control, self._reload, self._status)
        self._reloading = asyncio.Lock()
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal ends it; LoryError where it does not start."""
        from ray import serve

        from lsp_server.http.cluster.replica import NAME

        await self._control.open()
        catch_ends(self._ending.set)
        announce(self._config.host, self._port, self._register)
        try:
            await self._until_ending(self._deploy(self._config))
            if not self._ending.is_set():
                say("ready")
                await self._ending.wait()
        finally:
            await self._control.close()
            await asyncio.to_thread(serve.delete, NAME)

    async def _until_ending(self, work: Any) -> None:
        """Do some work, but not for longer than the service lasts."""
        tasks = asyncio.ensure_future(work), asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                tasks[0].result()
        finally:
            for task in tasks:
                task.cancel()

    async def _deploy(self, config: ServeConfig) -> None:
        """Roll the service out, in the place of one that runs; ServeError where it does not run.

        Ray ends a replica once it has another, so requests are answered all the time.
        """
        from ray import serve

        from lsp_server.http.cluster.replica import NAME, application

        target = serve.RunTarget(
            application(config, self._register.needs_key), name=NAME, route_prefix="/"
        )
        await asyncio.to_thread(serve.run_many, [target], wait_for_applications_running=False)
        deadline = monotonic() + DEPLOY_SECONDS
        while (found := (await asyncio.to_thread(serve.status)).applications[NAME]).status in (
            "DEPLOYING",
            "NOT_STARTED",
        ):
            if monotonic() > deadline:
                raise ServeError(
                    f"expected {config.replicas} replicas of {config.engines} processors within "
                    f"{DEPLOY_SECONDS:g} s, found: {reason_of(found)}"
                )
            await asyncio.sleep(LOOK)
        if found.status != "RUNNING":
            raise ServeError(f"expected the replicas to start, found: {reason_of(found)}")
        while not await is_ready(self._config.host, self._port):
            await asyncio.sleep(LOOK)

    async def _reload(self, bundle: str | None) -> Mapping[str, Any]:
        """Roll another bundle out; LoryError, and the old one stays, where it fails its check."""
        async with self._reloading:
            config = self._config.with_bundle(bundle)
            await asyncio.to_thread(check_bundle, config, lambda: not self._ending.is_set())
            try:
                await self._deploy(config)
            except ServeError:
                await self._deploy(self._config)
                raise
            self._config = config
            return await self._status()

    async def _status(self) -> Mapping[str, Any]:
        from ray import serve

        from lsp_server.http.cluster.replica import NAME

        found = (await asyncio.to_thread(serve.status)).applications[NAME]
        states = found.deployments[NAME].replica_states
        told = await serve.get_app_handle(NAME).tell.remote()
        return {"model": told["model"], "replicas": {str(key): states[key] for key in states}}


def reason_of(found: Any) -> str:
    """Why an application does not run, in one line."""
    messages = [found.message, *(each.message for each in found.deployments.values())]
    lines = [line.strip() for text in messages for line in text.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("lsp_server.errors.")]
    return str((own or lines or ["nothing; see /tmp/ray/session_latest/logs/serve"])[-1])


async def is_ready(host: str, port: int) -> bool:
    """Whether requests are answered through the ingress."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    try:
        async with asyncio.timeout(LONGEST_LOOK):
            reader, writer = await asyncio.open_connection(own, port)
            writer.write(b"GET /readyz HTTP/1.0\r\nhost: localhost\r\n\r\n")
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in line


def port_of(config: ServeConfig) -> int:
    """The port that the service gets; ServeError where it is taken."""
    with listen(config) as listening:
        port: int = listening.getsockname()[1]
    return port


@contextmanager
def cluster_for(config: ServeConfig, port: int) -> Iterator[None]:
    """A cluster with Serve ready for the service: that of RAY_ADDRESS, or one that is started here
    and ends with it. ServeError where it cannot be had.
    """
    folder = Path(tempfile.mkdtemp(prefix="lory-"))
    told = {**serve_environment(config, folder), **ports_of(os.environ)}
    token = token_of(os.environ, Path.home(), config.state)
    os.environ.update({**CLUSTER, **told, **token})  # before ray reads it
    import ray
    from ray import serve

    address = os.environ.get(ADDRESS)
    try:
        try:
            join_cluster(address, config)
            start_serve(config, port, told if address else {})
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as exc:
            reason = str(exc).strip().splitlines() or [type(exc).__name__]
            raise ServeError(f"expected a cluster to run in, found: {reason[-1]}") from exc
        yield
    finally:
        # its threads report what they miss while it ends, with tracebacks: no fault of the service
        logging.getLogger("ray.serve").setLevel(logging.CRITICAL)
        if not address and ray.is_initialized():
            serve.shutdown()
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def join_cluster(address: str | None, config: ServeConfig) -> None:
    """Connect to a cluster, or start one that others may join."""
    import ray

    quiet: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": False,
    }
    if address:
        ray.init(address=address, **quiet)
        refuse_open_cluster(ray.get_runtime_context().gcs_address)
        return
    ray.init(address="local", include_dashboard=False, object_store_memory=STORE_BYTES, **quiet)
    if not config.is_local:
        say(f"machines join by: ray start --address={ray.get_runtime_context().gcs_address}")


def refuse_open_cluster(address: str) -> None:
    """ServeError where a cluster lets in who has no token: whoever joins runs what they like."""
    command = [sys.executable, "-P", "-c", JOIN, address]
    without = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    if not subprocess.run(command, env=without, capture_output=True, check=False).returncode:
        raise ServeError(
            f"{ADDRESS}: expected a cluster that wants a token, found one that lets anybody in; "
            "start it with RAY_AUTH_MODE=token"
        )


def start_serve(config: ServeConfig, port: int, told: Mapping[str, str]) -> None:
    """Start the ingress on the head; `told` is what a cluster was not started with itself."""
    from ray import serve

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    serve.start(
        proxy_location="HeadOnly",
        http_options={
            "host": config.host,
            "port": port,
            "keep_alive_timeout_s": max(1, int(config.idle_seconds)),
        },
        controller_options={"runtime_env": {"env_vars": dict(told)}} if told else None,
        logging_config={"enable_access_log": False, "log_level": "ERROR"},
    )


def serve_on_ray(config: ServeConfig) -> None:
    """Run a service on a cluster to its end."""
    refuse_open_service(config, Register(config.keys))
    check_bundle(config, lambda: True)
    port = port_of(config)

    async def run() -> None:
        await ClusterProcess(config, port).run()

    with cluster_for(config, port):
        asyncio.run(run())
