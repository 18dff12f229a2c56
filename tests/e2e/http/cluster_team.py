"""A cluster of several raylets with the service on it, and a team that works there."""

import json
import os
import re
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from threading import Event
from time import monotonic, sleep

from lsp_server.http.people.keys import add_key
from tests.http_service import ClusterService, Reply, RunningService, run_serve, script_arguments
from tests.scripted import Script

PERSONS = tuple(f"person-{number}" for number in range(8))
PATH = "/v1/completions"
LOST = 599
"""Stands for an answer that never came."""


class Raylets:
    """The cluster, in a process of its own."""

    def __init__(self, folder: Path, machines: int = 2, *, is_open: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        token = folder / "token"
        token.write_text(secrets.token_hex(32))
        token.chmod(0o600)
        self.environment = {
            "RAY_AUTH_MODE": "disabled" if is_open else "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self._log = (folder / "raylets.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("raylets.py")), str(machines)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **self.environment},
        )
        self.address = self._read("address ")

    def _read(self, start: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(start):
                return line.removeprefix(start).strip()
        raise AssertionError(Path(self._log.name).read_text())

    def tell(self, command: str) -> None:
        """`add` or `kill` a machine."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        self._read("done")

    def end(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)
        self._log.close()


def running(service: RunningService) -> int:
    """Replicas of a service."""
    told = run_serve("status", "--state", str(service.state))
    return int(json.loads(told.stdout)["replicas"].get("RUNNING", 0))


class Team:
    """The service on the cluster, and its people's keys."""

    def __init__(self, folder: Path, script: Script, stack: ExitStack) -> None:
        self.raylets = Raylets(folder)
        stack.callback(self.raylets.end)
        state = folder / "state"
        self.keys = {name: add_key(state / "keys.json", name, admin=True) for name in PERSONS}
        limits = ("--rate", "1000", "--burst", "1000", "--longest-wait", "5", "--idle-seconds", "5")
        size = ("--replicas", "2", "--most-replicas", "2", "--head-seconds", "2")
        self.service = ClusterService(
            state,
            *script_arguments(script, "--ray", *limits, *size),
            RAY_ADDRESS=self.raylets.address,
            **self.raylets.environment,
        )
        stack.callback(self.service.end)
        self.service.wait_ready()

    def header(self, person: str) -> dict[str, str]:
        """What a person's client sends."""
        return {"Authorization": f"Bearer {self.keys[person]}"}

    def ask(self, person: str, prompt: str = "os.") -> Reply:
        """One completion."""
        return self.service.post(PATH, {"prompt": prompt}, self.header(person))

    def status_of(self, person: str, prompt: str) -> int:
        """The same, with what came of it."""
        try:
            return self.ask(person, prompt).status
        except (OSError, HTTPException):
            return LOST

    def place_of(self, person: str) -> float:
        """Which replica answers a person: when its counters were made."""
        text = self.service.get("/metrics", self.header(person)).text
        found = re.search(r"^lory_joined_created (\S+)$", text, re.MULTILINE)
        assert found is not None, text[:200]
        return float(found[1])

    def wait_spread(self) -> dict[str, float]:
        """Everybody's replica, once there are two and the ingress knows."""
        deadline = monotonic() + 60
        while True:
            found = {person: self.place_of(person) for person in PERSONS}
            if len(set(found.values())) == 2:
                return found
            assert monotonic() < deadline
            sleep(0.5)

    @contextmanager
    def load(self) -> Iterator[Counter[int]]:
        """Everybody asks all the time; how often there was which status."""
        stop, statuses = Event(), Counter[int]()

        def work(person: str) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                statuses[self.status_of(person, f"{person} {number}")] += 1
                sleep(0.1)

        with ThreadPoolExecutor(len(PERSONS)) as pool:
            workers = [pool.submit(work, person) for person in PERSONS]
            try:
                yield statuses
            finally:
                stop.set()
            for worker in workers:
                worker.result()
