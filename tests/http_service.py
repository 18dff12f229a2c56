"""A running service for tests: a real process of `lory serve`, asked over real sockets."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from lsp_server.bench.serve.starting import LISTENING
from lsp_server.http.operation.control import ask_service
from tests.scripted import Script

COMMAND = (sys.executable, "-m", "lsp_server", "serve")
PATIENCE = 60.0
LONGEST_RUN = 300.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The content as JSON."""
        return json.loads(self.content)

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()

    @property
    def events(self) -> list[Any]:
        """The content as server-sent events, without the end mark."""
        lines = [line.removeprefix("data: ") for line in self.text.split("\n\n") if line]
        return [json.loads(line) for line in lines if line != "[DONE]"]


class RunningService:
    """One process of `lory serve`."""

    patience = PATIENCE
    """Seconds that it may take until it is ready."""

    def __init__(self, state: Path, *arguments: str, **environment: str) -> None:
        self.state = state
        self.process = subprocess.Popen(
            [*COMMAND, "--port", "0", "--state", str(state), *arguments],
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.wait_line(LISTENING)[1])

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def wait_line(self, pattern: "re.Pattern[str]") -> "re.Match[str]":
        """The first line of standard error that matches."""
        deadline = monotonic() + self.patience
        while monotonic() < deadline:
            for line in list(self.lines):
                if found := pattern.search(line):
                    return found
            assert self.process.poll() is None, "".join(self.lines)
            sleep(0.01)
        raise AssertionError(f"no {pattern.pattern} in {self.lines}")

    def wait_ready(self) -> "RunningService":
        """Return once requests are answered."""
        self.wait_line(re.compile(r": ready"))
        return self

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Reply:
        """One request on a connection of its own; a body that is no bytes is sent as JSON."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, content, dict(headers or {}))
            reply = connection.getresponse()
            found = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, found, reply.read())
        finally:
            connection.close()

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Reply:
        """The same with POST."""
        return self.ask("POST", path, body, headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """The same with GET."""
        return self.ask("GET", path, None, headers)

    def measure(self, name: str) -> float:
        """One of its measures, all labels together."""
        found = 0.0
        for line in self.get("/metrics").text.splitlines():
            if re.match(rf"{name}(\{{.*\}})? ", line):
                found += float(line.rsplit(" ", 1)[1])
        return found

    @property
    def engines(self) -> list[int]:
        """The numbers of its engine processes."""
        pids: list[int] = ask_service(self.state / "control", {"command": "status"})["engines"]
        return pids

    @property
    def megabytes(self) -> float:
        """Of memory that its own process holds; on Linux."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1e3

    def end(self) -> int:
        """End it as systemd does; its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


class ClusterService(RunningService):
    """The same on a cluster, whose processes take their time on a busy machine."""

    patience = 3 * PATIENCE


StartService = Callable[..., RunningService]


def script_arguments(script: Script, *arguments: str, **settings: Any) -> tuple[str, ...]:
    """The command line of a service with the scripted engine."""
    given = {**script.options, **settings}
    return ("--settings", json.dumps(given), *arguments)


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    """Gives a fresh service that is ready; it is ended with the test."""
    with ExitStack() as stack:

        def start(*arguments: str, ready: bool = True, **environment: str) -> RunningService:
            kind = ClusterService if "--ray" in arguments else RunningService
            service = kind(tmp_path / "state", *arguments, **environment)
            stack.callback(service.end)
            return service.wait_ready() if ready else service

        yield start


def wait_until(done: Callable[[], bool], seconds: float = 15.0) -> None:
    """Return once something holds."""
    deadline = monotonic() + seconds
    while not done():
        assert monotonic() < deadline
        sleep(0.02)


def run_serve(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """One call of `lory serve` that ends by itself."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN,
        check=False,
        env={**os.environ, **environment},
    )


def copy_bundle_as(name: str, bundle: Path, folder: Path) -> Path:
    """The same bundle once more, under another name and in a folder of that name."""
    other = folder / name
    shutil.copytree(bundle, other)
    manifest = json.loads((other / "bundle.json").read_text())
    (other / "bundle.json").write_text(json.dumps({**manifest, "name": name}))
    return other
