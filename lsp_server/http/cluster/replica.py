"""One replica: the whole service, its engines in processes below it.

A replica is a process of its own already, but the engine is not in it. What makes an engine die or
hang then costs one request and the second until another one is warm; a replica that Ray must start
again takes ten, and all its people's caches, limits and figures go with it. And it can say no,
count and hang up while the model runs. The hop costs a third of a millisecond.
"""

import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from lsp_server.contract.bundles.manifest import strict_converter
from lsp_server.errors import EngineError, ServeError
from lsp_server.http.app import App, load_dialects
from lsp_server.http.cluster.environment import CLUSTER, LEAVING_SECONDS, SERVE
from lsp_server.http.config import ServeConfig
from lsp_server.http.engine.starting import check_bundle
from lsp_server.http.people.register import Register
from lsp_server.http.server import refuse_open_service
from lsp_server.http.service import open_service

NAME = "lory"
"""Of the application, and of its one deployment."""
QUIET = {"enable_access_log": False, "log_level": "WARNING"}
"""Ray's own log of requests adds nothing to Lory's."""
TARGET_OF_AN_ENGINE = 2.0
"""Requests at a time, on average; more, and there is to be another replica."""
LOOK_BACK_SECONDS, UPSCALE_SECONDS, DOWNSCALE_SECONDS = 5.0, 3.0, 300.0
HEALTH_SECONDS = 2.0
SICK_SECONDS = 30.0
"""Without an engine, after which the replica is started again, perhaps on another machine."""

log = logging.getLogger(__name__)


class Replica:
    """What Ray starts, asks whether it is well, and ends; the rest is the service as anywhere."""

    async def __init__(self, config: ServeConfig, keys: Path, needs_key: bool) -> None:  # type: ignore[misc]
        """Returns once requests can be answered; LoryError where they cannot.

        The keys lie where the service was started, in each machine's own file of that name.
        """
        register = Register(keys)
        if needs_key and not register.needs_key:
            raise ServeError(
                f"{socket.gethostname()}: expected the keys in {keys} as where the service was "
                "started, found none; share the folder, or copy the file"
            )
        self._config = config
        self._service = open_service(config, register)
        check_bundle(config, lambda: True)
        await self._service.fleet.begin()
        self._well = monotonic()

    def __serve_build_asgi_app__(self) -> App:
        """What answers requests."""
        return App(self._service, load_dialects(self._config.judged.trusted))

    async def check_health(self) -> None:
        """EngineError where no engine has been there for too long."""
        now = monotonic()
        if self._service.fleet.ready:
            self._well = now
        elif now - self._well > SICK_SECONDS:
            raise EngineError(f"expected an engine within {SICK_SECONDS:g} s, found none")

    async def tell(self) -> Mapping[str, Any]:
        """What the replica is at."""
        fleet = self._service.fleet
        facts = fleet.facts
        return {"model": facts.title if facts else None, "pid": os.getpid(), "engines": fleet.pids}

    async def __del__(self) -> None:
        """All requests have been answered."""
        if hasattr(self, "_service"):
            await self._service.end()


def application(config: ServeConfig, needs_key: bool) -> Any:
    """The application as Ray runs it."""
    from ray import serve

    scaling = {
        "min_replicas": config.replicas,
        "max_replicas": config.most_replicas,
        "target_ongoing_requests": TARGET_OF_AN_ENGINE * config.engines,
        "metrics_interval_s": 1.0,
        "look_back_period_s": LOOK_BACK_SECONDS,
        "upscale_delay_s": UPSCALE_SECONDS,
        "downscale_delay_s": DOWNSCALE_SECONDS,
    }
    deployment = serve.deployment(
        name=NAME,
        autoscaling_config=scaling,
        ray_actor_options={"num_cpus": config.engines},
        max_constructor_retry_count=2,
        max_ongoing_requests=config.connections,  # the service itself refuses, in each dialect
        health_check_period_s=HEALTH_SECONDS,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=config.drain_seconds + LEAVING_SECONDS,
        logging_config=QUIET,
    )
    return deployment(serve.ingress()(Replica)).bind(config, config.keys, needs_key)


def build(args: dict[str, Any]) -> Any:
    """The application of `deploy/ray/serve.yaml`; its `args` are the fields of ServeConfig.

    ServeError where the cluster was not started with what `lory serve --ray` starts one with.
    """
    config = strict_converter().structure(args, ServeConfig)
    wanted = {**CLUSTER, **SERVE}
    missing = [name for name in wanted if os.environ.get(name) != wanted[name]]
    if missing:
        raise ServeError(
            f"{missing[0]}: expected what deploy/ray/lory.env has before `ray start` and "
            "`serve run`, found something else"
        )
    register = Register(config.keys)
    refuse_open_service(config, register)
    return application(config, register.needs_key)
