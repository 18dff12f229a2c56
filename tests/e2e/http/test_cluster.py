"""`lory serve --ray` on three raylets: dialects, everybody's replica, updates, a lost machine."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from lsp_server.http.people.keys import add_key
from tests.e2e.http.cluster_team import PATH, PERSONS, Raylets, Team, running
from tests.http_service import (
    RunningService,
    StartService,
    copy_bundle_as,
    run_serve,
    script_arguments,
    wait_until,
)
from tests.scripted import Rules, Script, script_bundle

__all__ = ["script_bundle"]

HAS_RAY = importlib.util.find_spec("ray") is not None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(
        not HAS_RAY and not os.environ.get("LORY_NEED_RAY"),
        reason="needs the extra ray: make ray",
    ),
]

WriteScript = Callable[[Rules], Script]
RULES: Rules = [
    {"after": "slow", "completion": "getcwd()", "delay_ms": 1500},
    {"after": "", "completion": "getcwd()"},
]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, script_bundle: Path) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("cluster")
    script = Script(folder, script_bundle, RULES)
    with ExitStack() as stack:
        yield Team(folder, script, stack)


ASKED: dict[str, tuple[str, dict[str, Any], Callable[[Any], str]]] = {
    "openai": (PATH, {"prompt": "os."}, lambda found: found["choices"][0]["text"]),
    "llama.cpp": (
        "/infill",
        {"input_prefix": "os.", "input_suffix": ""},
        lambda found: found["content"],
    ),
    "ollama": (
        "/api/generate",
        {"prompt": "os.", "suffix": "", "stream": False},
        lambda found: found["response"],
    ),
    "tabby": (PATH, {"segments": {"prefix": "os."}}, lambda found: found["choices"][0]["text"]),
    "mistral": (
        "/v1/fim/completions",
        {"prompt": "os."},
        lambda found: found["choices"][0]["message"]["content"],
    ),
    "deepseek": ("/beta/completions", {"prompt": "os."}, lambda found: found["choices"][0]["text"]),
    "tgi": ("/generate", {"inputs": "os."}, lambda found: found["generated_text"]),
}


@pytest.mark.parametrize("dialect", ASKED)
def test_every_dialect_completes_on_a_cluster(team: Team, dialect: str) -> None:
    path, body, text_of = ASKED[dialect]
    for person in PERSONS[:2]:
        reply = team.service.post(path, body, team.header(person))
        assert (reply.status, text_of(reply.json)) == (200, "getcwd()")


def test_keys_are_wanted_as_without_a_cluster(team: Team) -> None:
    assert team.service.get("/readyz").status == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert team.service.post(PATH, {"prompt": "os."}, headers).status == 401
    page = {**team.header(PERSONS[0]), "Origin": "https://evil.com"}
    assert team.service.post(PATH, {"prompt": "os."}, page).status == 403


def test_a_person_stays_with_a_replica_and_people_are_shared_out(team: Team) -> None:
    places = team.wait_spread()
    for _ in range(3):
        assert {person: team.place_of(person) for person in PERSONS} == places


def test_a_key_that_is_made_later_counts_everywhere(team: Team) -> None:
    late = {"Authorization": f"Bearer {add_key(team.service.state / 'keys.json', 'late')}"}
    deadline = monotonic() + 10
    while team.service.post(PATH, {"prompt": "os."}, late).status != 200:
        assert monotonic() < deadline
        sleep(0.1)


def test_huge_and_slow_requests_end_at_the_ingress(team: Team) -> None:
    assert team.service.post(PATH, b" " * 2_000_000, team.header(PERSONS[0])).status == 413
    huge = {**team.header(PERSONS[0]), "X-A": "a" * 200_000}
    with suppress(OSError):  # cut off
        assert team.service.get("/v1/models", huge).status in (400, 431)
    with socket.create_connection(("127.0.0.1", team.service.port), timeout=30) as peer:
        since = monotonic()
        peer.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nX-")
        peer.recv(100)
        assert monotonic() - since < 10


def test_another_bundle_is_rolled_out_under_load_without_a_lost_request(
    team: Team, script_bundle: Path, tmp_path: Path
) -> None:
    other = copy_bundle_as("other", script_bundle, tmp_path)
    before = set(team.wait_spread().values())
    with team.load() as statuses:
        sleep(1)
        done = run_serve("reload", "--state", str(team.service.state), "--bundle", str(other))
        after = set(team.wait_spread().values())
        sleep(1)
    assert done.returncode == 0, done.stderr
    assert not before & after
    assert statuses.keys() == {200}
    for person in PERSONS:
        found = team.service.get("/v1/models", team.header(person)).json
        assert found["data"][0]["id"] == "other"


def test_a_bundle_that_fails_its_check_is_not_rolled_out(
    team: Team, script_bundle: Path, tmp_path: Path
) -> None:
    before = team.wait_spread()
    broken = tmp_path / "broken"
    shutil.copytree(script_bundle, broken)
    (broken / "tokenizer.json").write_text("{}")
    done = run_serve("reload", "--state", str(team.service.state), "--bundle", str(broken))
    assert done.returncode == 2
    assert "tokenizer.json" in done.stderr
    assert team.wait_spread() == before


def test_replicas_that_do_not_start_leave_those_that_run(team: Team) -> None:
    before = set(team.wait_spread().values())
    keys = team.service.state / "keys.json"
    keys.chmod(0o644)  # which a replica that starts does not trust
    try:
        with team.load() as statuses:
            done = run_serve("reload", "--state", str(team.service.state))
    finally:
        keys.chmod(0o600)
    assert done.returncode == 2
    assert "expected mode 600" in done.stderr.splitlines()[-1]
    assert statuses.keys() == {200}
    assert before & {team.place_of(person) for person in PERSONS}
    assert run_serve("reload", "--state", str(team.service.state)).returncode == 0


def test_a_machine_that_is_lost_under_load_costs_one_request_at_most(team: Team) -> None:
    places = team.wait_spread()
    with team.load() as statuses, ThreadPoolExecutor(2) as pool:
        sleep(1)
        persons = {place: person for person, place in places.items()}.values()
        long = [pool.submit(team.status_of, person, f"{person} slow") for person in persons]
        sleep(0.5)
        team.raylets.tell("kill")  # while an engine there is at work
        sleep(5)
    statuses.update(each.result() for each in long)
    failed = statuses.total() - statuses[200]
    assert statuses[200] > 50
    assert failed <= 1, statuses
    left = {team.place_of(person) for person in PERSONS}
    assert len(left) == 1
    assert left < set(places.values())
    team.raylets.tell("add")
    team.wait_spread()  # the machine that came has a replica


JOIN = "from ray._raylet import GcsClient; GcsClient(address={!r})"


@pytest.mark.parametrize("token", ["right", "wrong", "none"])
def test_nobody_joins_without_the_token(team: Team, token: str) -> None:
    environment = {
        "right": team.raylets.environment,
        "wrong": {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64},
        "none": {"RAY_AUTH_MODE": "disabled"},
    }[token]
    done = subprocess.run(
        [sys.executable, "-c", JOIN.format(team.raylets.address)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode == 0) == (token == "right"), done.stderr
    assert ("token" in done.stderr) == (token != "right")


def test_no_cluster_is_used_that_anybody_may_join(tmp_path: Path) -> None:
    raylets = Raylets(tmp_path, 0, is_open=True)
    given = {**raylets.environment, "RAY_ADDRESS": raylets.address}
    try:
        done = run_serve("--ray", "--port", "0", "--state", str(tmp_path / "state"), **given)
    finally:
        raylets.end()
    assert done.returncode == 2
    assert "expected a cluster that wants a token" in done.stderr.splitlines()[-1]


def test_it_finishes_what_it_is_at_when_it_is_told_to_end(team: Team) -> None:
    with ThreadPoolExecutor(1) as pool:
        answered = pool.submit(team.ask, PERSONS[0], "slow")
        sleep(0.5)
        team.service.process.terminate()
        assert answered.result().json["choices"][0]["text"] == "getcwd()"
    assert team.service.process.wait(60) == 0
    assert "Traceback" not in "".join(team.service.lines)


def ask_until_two_replicas_run(service: RunningService) -> None:
    """Six requests at a time; more than two of an engine ask for another replica."""
    stop = Event()

    def ask(person: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            service.post(PATH, {"prompt": f"{person} {number} slow"})

    with ThreadPoolExecutor(6) as pool:
        for person in range(6):
            pool.submit(ask, person)
        try:
            wait_until(lambda: running(service) == 2, 90)
        finally:
            stop.set()


def test_without_a_cluster_one_is_started_here_grows_and_ends_with_the_service(
    start_service: StartService, write_script: WriteScript
) -> None:
    script = write_script(RULES)
    size = ("--replicas", "1", "--most-replicas", "2", "--longest-wait", "30")
    service = start_service(*script_arguments(script, "--ray", *size))
    assert service.lines[0].startswith("lory serve: listening on http://127.0.0.1:")
    assert service.post(PATH, {"prompt": "os."}).json["choices"][0]["text"] == "getcwd()"
    assert service.post(PATH, {"prompt": "os."}, {"Host": "evil.com"}).status == 403
    ask_until_two_replicas_run(service)
    below = psutil.Process(service.process.pid).children(recursive=True)
    assert len(below) > 5
    assert service.end() == 0
    _, left = psutil.wait_procs(below, timeout=20)
    assert left == []
    token = service.state / "ray-token"
    assert token.stat().st_mode & 0o077 == 0
