"""`deploy/ray/` is what `lory serve --ray` does itself: Ray understands it, and it agrees."""

import os
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from lsp_server.contract.bundles.manifest import strict_converter
from lsp_server.http.cluster.environment import CLUSTER, serve_environment
from lsp_server.http.config import ServeConfig

RAY = Path(__file__).parents[2] / "deploy" / "ray"
PRIVATE = Path("/run/lory")


@pytest.fixture
def deployed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((RAY / "serve.yaml").read_text())
    return found


def config_of(deployed: dict[str, Any]) -> ServeConfig:
    (application,) = deployed["applications"]
    return strict_converter().structure(application["args"], ServeConfig)


def test_the_arguments_are_options_of_the_service_and_the_ingress_agrees(
    deployed: dict[str, Any],
) -> None:
    config = config_of(deployed)
    assert deployed["http_options"] == {
        "host": config.host,
        "port": config.port,
        "keep_alive_timeout_s": config.idle_seconds,
    }
    assert deployed["proxy_location"] == "HeadOnly"


def test_the_environment_is_the_one_that_is_set_without_it(deployed: dict[str, Any]) -> None:
    lines = shlex.split((RAY / "lory.env").read_text(), comments=True)
    found = dict(line.split("=", 1) for line in lines)
    assert found == {**CLUSTER, **serve_environment(config_of(deployed), PRIVATE)}


CHECK = """
import sys, yaml
from ray._common.utils import import_attr
from ray.serve.schema import ServeDeploySchema
found = ServeDeploySchema.model_validate(yaml.safe_load(open(sys.argv[1])))
assert callable(import_attr(found.applications[0].import_path))
"""


def test_ray_understands_the_file_and_the_application_is_there() -> None:
    if find_spec("ray") is None and not os.environ.get("LORY_NEED_RAY"):
        pytest.skip("needs the extra ray: make ray")
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(RAY / "serve.yaml")],
        capture_output=True,
        text=True,
        check=False,
        cwd=RAY.parents[1],
    )
    assert done.returncode == 0, done.stderr
