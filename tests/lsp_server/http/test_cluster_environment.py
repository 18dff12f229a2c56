"""What a cluster is started with: the token, the ingress, nothing that reports."""

import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from lsp_server.errors import ServeError
from lsp_server.http.cluster.environment import (
    CLUSTER,
    PORTS,
    ports_of,
    serve_environment,
    token_of,
)
from lsp_server.http.config import ServeConfig
from tests.http_service import run_serve


def test_a_cluster_that_is_started_here_gets_a_token_that_only_its_user_reads(
    tmp_path: Path,
) -> None:
    found = token_of({}, tmp_path, tmp_path / "state")
    path = Path(found["RAY_AUTH_TOKEN_PATH"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(bytes.fromhex(path.read_text())) == 32
    kept = path.read_text()
    assert token_of({}, tmp_path, tmp_path / "state") == found
    assert path.read_text() == kept


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_token_that_is_given_is_kept(tmp_path: Path, name: str) -> None:
    assert token_of({name: "a"}, tmp_path, tmp_path / "state") == {}
    assert not (tmp_path / "state").exists()


def test_no_cluster_is_joined_without_a_token(tmp_path: Path) -> None:
    joined = {"RAY_ADDRESS": "192.0.2.1:6379"}
    with pytest.raises(ServeError, match="RAY_AUTH_TOKEN_PATH"):
        token_of(joined, tmp_path, tmp_path)
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("a")
    assert token_of(joined, tmp_path, tmp_path) == {}


def test_the_token_is_forced_and_nothing_is_reported() -> None:
    assert CLUSTER == {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}


def test_the_ingress_is_within_the_services_limits(tmp_path: Path) -> None:
    config = ServeConfig(head_bytes=32_768, head_seconds=7.0, idle_seconds=40.0, connections=500)
    found = serve_environment(config, tmp_path)
    assert found["RAY_SERVE_HAPROXY_TUNE_BUFSIZE"] == "32768"
    assert found["RAY_SERVE_HAPROXY_MAXCONN"] == "500"
    assert found["RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S"] == "40"
    assert "timeout http-request 7s" in found["RAY_SERVE_HAPROXY_BALANCE_ALGORITHM"]
    assert {value for name, value in found.items() if name.endswith("_PATH")} == {
        str(tmp_path / "admin.sock"),
        str(tmp_path / "metrics.sock"),
    }


def test_two_services_of_a_machine_do_not_want_the_same_ports() -> None:
    names = set(PORTS)
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it already
            taken.bind(("", 8404))
        found = ports_of({})
    assert set(found) == names
    assert "8404" not in found.values()
    assert ports_of(dict.fromkeys(names, "1")) == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--host", "0.0.0.0"), "keys add"),
        (("--replicas", "0"), "--replicas"),
        (("--bundle", "none"), "expected"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_started(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    pytest.importorskip("ray")
    done = run_serve("--ray", "--port", "0", "--state", str(tmp_path), *arguments)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
