"""What Ray's processes are started with: nobody joins without the token, and nothing is reported.

Ray reads all of it from the environment, most of it while it is imported. The ingress is HAProxy,
one process in front of all replicas, which sends a person's requests to the same one.
"""

import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from lsp_server.errors import ServeError
from lsp_server.http.config import ServeConfig

ADDRESS = "RAY_ADDRESS"
"""Environment variable: the cluster to join; without it one is started on this machine."""
TOKEN, TOKEN_FILE = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
USERS_TOKEN = Path(".ray", "auth_token")
"""In the home folder, where Ray looks when neither variable is set."""
OWN_TOKEN = "ray-token"
TOKEN_BYTES = 32
HAPROXY = "RAY_SERVE_HAPROXY_"
LEAVING_SECONDS = 2
"""That a replica that is to end still takes requests, until the ingress knows."""

CLUSTER = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
"""What every machine needs before `ray start`; what Serve needs is handed to it."""

SERVE = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    # The application on the loop that reads the socket: a thread of its own costs a millisecond.
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # a slow start is no failure
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(LEAVING_SECONDS),
    # A completion may be asked for twice, so one whose replica died is asked of another.
    f"{HAPROXY}RETRY_ON": "conn-failure empty-response",
    f"{HAPROXY}TIMEOUT_CONNECT_S": "1",
    f"{HAPROXY}HEALTH_CHECK_INTER": "1s",
    f"{HAPROXY}NBTHREAD": "1",
}

PORTS = {
    f"{HAPROXY}STATS_PORT": 8404,
    f"{HAPROXY}METRICS_PORT": 9101,
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": 8500,
}
"""Others that the head listens on."""

FILES = {
    "CONFIG_FILE_LOC": "haproxy.cfg",
    "SOCKET_PATH": "admin.sock",
    "SERVER_STATE_BASE": "",
    "SERVER_STATE_FILE": "server-state",
    "METRICS_SOCKET_PATH": "metrics.sock",
}
"""HAProxy's, one of which lets anybody who may open it turn the ingress off."""


def serve_environment(config: ServeConfig, folder: Path) -> dict[str, str]:
    """What Serve's processes are started with; `folder` is for HAProxy's files, and private."""
    files = {HAPROXY + name: str(folder / file) for name, file in FILES.items()}
    return {
        **SERVE,
        **files,
        f"{HAPROXY}BALANCE_ALGORITHM": balance(config),
        f"{HAPROXY}TUNE_BUFSIZE": str(config.head_bytes),
        f"{HAPROXY}MAXCONN": str(config.connections),
        f"{HAPROXY}TIMEOUT_CLIENT_S": seconds(max(config.head_seconds, config.idle_seconds)),
        f"{HAPROXY}TIMEOUT_SERVER_S": seconds(config.deadline + 5),
        f"{HAPROXY}HARD_STOP_AFTER_S": seconds(config.drain_seconds + LEAVING_SECONDS),
    }


def balance(config: ServeConfig) -> str:
    """Which replica gets a request: the one of its key, while the ring of replicas is the same.

    Ray writes the text into HAProxy's defaults as it is, so more of them can follow.
    """
    lines = (
        "hdr(authorization)",
        "hash-type consistent",
        f"timeout http-request {seconds(config.head_seconds)}s",
    )
    return "\n    ".join(lines)


def ports_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The other ports as they are usual, but free ones where another service has those already."""
    wanted = {name: port for name, port in PORTS.items() if name not in environment}
    return {name: str(port if is_free(port) else free_port()) for name, port in wanted.items()}


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of this machine."""
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def seconds(value: float) -> str:
    """Whole seconds, one at least."""
    return str(max(1, round(value)))


def token_of(environment: Mapping[str, str], home: Path, state: Path) -> dict[str, str]:
    """The variables by which Ray finds the cluster's token; none where it finds it by itself.

    A cluster that is started here gets a token of its own, in a file that only its user reads.
    ServeError where a cluster is to be joined without one.
    """
    if environment.get(TOKEN) or environment.get(TOKEN_FILE):
        return {}
    if environment.get(ADDRESS):
        if (home / USERS_TOKEN).is_file():
            return {}
        raise ServeError(
            f"{ADDRESS}={environment[ADDRESS]}: expected the cluster's token, found none; set "
            f"{TOKEN_FILE} to its file"
        )
    return {TOKEN_FILE: str(claim_token(state / OWN_TOKEN))}


def claim_token(path: Path) -> Path:
    """The file of this machine's own token, made where there is none."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(TOKEN_BYTES))
    except OSError as exc:
        raise ServeError(f"{path}: expected to write the cluster's token, found: {exc}") from exc
    return path
