"""Starting, ending and swapping the bundle of a service that people use."""

import re
import shutil
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import pytest

from tests.http_service import (
    RunningService,
    StartService,
    copy_bundle_as,
    run_serve,
    script_arguments,
)
from tests.scripted import Rules, Script

WriteScript = Callable[[Rules], Script]
RULES: Rules = [
    {"after": "slow", "completion": "x = 1", "delay_ms": 700},
    {"after": "", "completion": "x = 1"},
]
PATH = "/v1/completions"


@pytest.fixture
def service(start_service: StartService, write_script: WriteScript) -> RunningService:
    limits = ("--engines", "1", "--burst", "10000", "--rate", "1000")
    return start_service(*script_arguments(write_script(RULES), *limits))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_told_to_end_finishes_what_it_is_at(
    service: RunningService, number: signal.Signals
) -> None:
    with ThreadPoolExecutor(1) as pool, socket.create_connection(("127.0.0.1", service.port)):
        answered = pool.submit(service.post, PATH, {"prompt": "slow"})
        sleep(0.3)
        since = monotonic()
        service.process.send_signal(number)
        assert answered.result().json["choices"][0]["text"] == "x = 1"
    assert service.process.wait(12) == 0
    assert monotonic() - since < 10
    assert "Traceback" not in "".join(service.lines)


def test_no_process_of_it_is_left(service: RunningService) -> None:
    pids = service.engines
    assert service.end() == 0
    deadline = monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert monotonic() < deadline
        sleep(0.05)


def test_an_engine_ends_with_a_service_that_is_killed(service: RunningService) -> None:
    pids = service.engines
    service.process.kill()
    service.process.wait()
    deadline = monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert monotonic() < deadline
        sleep(0.05)


def test_it_is_alive_at_once_and_ready_once_a_model_is(
    start_service: StartService, write_script: WriteScript
) -> None:
    service = start_service(*script_arguments(write_script(RULES), "--engines", "1"), ready=False)
    first = service.get("/readyz")
    assert service.get("/livez").status == 200
    if first.status == 503:  # else it was too quick to be seen
        assert first.headers["retry-after"] == "1"
        assert service.get("/health").json["error"]["message"] == "Loading model"
    service.wait_ready()
    assert service.get("/readyz").status == 200


def test_a_bundle_that_does_not_load_ends_the_start_with_one_line(tmp_path: Path) -> None:
    done = run_serve("--port", "0", "--state", str(tmp_path), "--bundle", str(tmp_path / "none"))
    assert done.returncode == 2
    assert re.search(r"lory: .*expected", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_one_line(service: RunningService, tmp_path: Path) -> None:
    done = run_serve("--port", str(service.port), "--state", str(tmp_path / "other"))
    assert done.returncode == 2
    assert "expected an address that is free" in done.stderr


def test_two_services_do_not_share_a_folder(service: RunningService) -> None:
    done = run_serve("--port", "0", "--state", str(service.state))
    assert done.returncode == 2
    assert "--state" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--engines", "0"), "--engines"),
        (("--settings", "[]"), "--settings"),
        (("--settings", '{"no_such": 1}'), "no_such"),
        (("--settings", '{"threads": -1}'), "threads"),
        (("--rate", "-1"), "--rate"),
    ],
)
def test_what_is_set_wrongly_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run_serve("--port", "0", "--state", str(tmp_path), *arguments)
    assert done.returncode == 2
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_bundle_is_swapped_under_load_without_a_dropped_request(
    service: RunningService, script_bundle: Path, tmp_path: Path
) -> None:
    other = copy_bundle_as("other", script_bundle, tmp_path)
    stop, statuses = Event(), []

    def ask(person: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            statuses.append(service.post(PATH, {"prompt": f"{person}-{number}"}).status)

    with ThreadPoolExecutor(3) as pool:
        for person in range(3):
            pool.submit(ask, person)
        try:
            sleep(0.3)
            before, begun = service.engines, len(statuses)
            done = run_serve("reload", "--state", str(service.state), "--bundle", str(other))
            after = len(statuses)
            sleep(0.3)
        finally:
            stop.set()
    assert done.returncode == 0, done.stderr
    assert "other" in done.stdout
    assert begun > 0
    assert after > begun
    assert set(statuses) == {200}
    assert service.get("/v1/models").json["data"][0]["id"] == "other"
    assert not set(before) & set(service.engines)


def test_a_bundle_that_fails_its_check_is_not_taken(
    service: RunningService, script_bundle: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(script_bundle, broken)
    (broken / "tokenizer.json").write_text("{}")
    before = service.engines
    done = run_serve("reload", "--state", str(service.state), "--bundle", str(broken))
    assert done.returncode == 2
    assert "tokenizer.json" in done.stderr
    assert service.engines == before
    assert service.post(PATH, {"prompt": "a"}).status == 200


def test_reload_without_a_service_says_how_to_start_one(tmp_path: Path) -> None:
    done = run_serve("reload", "--state", str(tmp_path))
    assert done.returncode == 2
    assert "lory serve" in done.stderr


def test_only_its_user_may_open_the_control_socket(service: RunningService) -> None:
    assert (service.state / "control").stat().st_mode & 0o077 == 0
