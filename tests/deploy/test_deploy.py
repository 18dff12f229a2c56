"""What lies in `deploy/` fits the service: its options, its measures, and its walls."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from lsp_server.http.cli import app
from lsp_server.http.config import ServeConfig
from lsp_server.http.engine.fleet import Fleet
from lsp_server.http.engine.link import EngineStart
from lsp_server.http.operation.measures import Measures

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "lory.service"
WALLS = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "RestrictSUIDSGID": "yes",
    "KillMode": "mixed",
    "User": "lory",
}


def directives() -> dict[str, str]:
    lines = [line for line in UNIT.read_text().splitlines() if "=" in line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


def test_the_unit_runs_as_nobody_special_behind_walls_and_waits_for_requests_to_end() -> None:
    found = directives()
    assert {name: found.get(name) for name in WALLS} == WALLS
    assert float(found["TimeoutStopSec"]) > ServeConfig().drain_seconds


@pytest.mark.parametrize("name", ["ExecStart", "ExecReload"])
def test_the_units_commands_are_ones_that_lory_has(name: str) -> None:
    program, serve, *arguments = shlex.split(directives()[name])
    assert (Path(program).name, serve) == ("lory", "serve")
    command = typer.main.get_command(app)
    with command.make_context("serve", arguments, resilient_parsing=False) as context:
        assert not context.args or context.args[0] in ("reload",)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_the_unit() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "lory.service" in line]
    assert [line for line in complaints if "not executable" not in line] == []


def test_every_measure_of_the_dashboard_and_the_documentation_is_one_of_the_services() -> None:
    fleet = Fleet(EngineStart(settings={}, documents=1), 1, deadline=1.0, longest_wait=1.0)
    kinds = re.findall(r"^# TYPE (\S+)", Measures(fleet).exposition().decode(), re.MULTILINE)
    dashboard = json.loads((DEPLOY / "grafana" / "lory.json").read_text())
    asked = {
        re.sub("_bucket$", "", name)
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:lory|process)_\w+", target["expr"])
    }
    page = (DEPLOY.parent / "docs" / "team-server.md").read_text()
    told = set(re.findall(r"`(lory_\w+)", page))
    assert len(asked) >= 10
    assert asked | told <= set(kinds)
    assert {name for name in kinds if name.startswith("lory_") and "_created" not in name} <= told
