"""How soon a service answers after its start: what one that scales to zero makes people wait."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from json import dumps
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from rich.table import Table

from lsp_server.bench.latency.start import spread_table
from lsp_server.bench.serve.side_by_side import BODY, PATH
from lsp_server.errors import BenchError

COMMAND = (sys.executable, "-m", "lsp_server", "serve", "--port", "0")
LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")
PATIENCE = 60.0
BETWEEN_SECONDS = 0.01
"""Two looks at whether it is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStart:
    """One start, in seconds from the process's beginning."""

    listening: float
    ready: float
    """Until `/readyz` says 200."""
    completed: float
    """Until the first completion has come."""


def measure_service_starts(starts: int) -> list[ServiceStart]:
    """So many starts of `lory serve` on a free port, one after another, without keys."""
    return [measure_service_start() for _ in range(starts)]


def measure_service_start(command: Sequence[str] = COMMAND) -> ServiceStart:
    """One start; BenchError where it ends, or does not answer in time."""
    begun = perf_counter()
    with (
        TemporaryDirectory() as state,
        subprocess.Popen(
            [*command, "--state", state], stderr=subprocess.PIPE, text=True
        ) as service,
    ):
        try:
            port = port_of(service)
            listening = perf_counter() - begun
            while ask(port, "GET", "/readyz") != 200:
                if perf_counter() - begun > PATIENCE:
                    raise BenchError(
                        f"expected a service that is ready within {PATIENCE:g} s, found none; "
                        "start lory serve by hand to see what it says"
                    )
                sleep(BETWEEN_SECONDS)
            ready = perf_counter() - begun
            status = ask(port, "POST", PATH, dumps(BODY))
            if status != 200:
                raise BenchError(
                    f"expected a completion, found status {status}; start lory serve by hand to "
                    "see what it says"
                )
            return ServiceStart(listening=listening, ready=ready, completed=perf_counter() - begun)
        finally:
            service.kill()


def port_of(service: "subprocess.Popen[str]") -> int:
    """The port that a service says it listens on; BenchError where it ends without a word of it."""
    said = ""
    for line in service.stderr or ():
        if found := LISTENING.search(line):
            return int(found[1])
        said = line.strip() or said
    raise BenchError(f"expected a service that listens, found one that ended: {said}; mend that")


def ask(port: int, method: str, path: str, body: str | None = None) -> int:
    """The status of an answer; 0 where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()
    return answer.status


def service_starts_table(starts: Sequence[ServiceStart]) -> Table:
    """Median, best and worst of the starts."""
    rows = {
        "it listens": [start.listening for start in starts],
        "it is ready": [start.ready for start in starts],
        "the first completion": [start.completed for start in starts],
    }
    return spread_table("seconds until", f"{len(starts)} starts", rows)
