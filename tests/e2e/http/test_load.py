"""Many people at once: turns, hanging up, requests alike, engines that die or hang."""

import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep

import pytest

from lsp_server.bench.serve.http_client import Address
from lsp_server.bench.serve.side_by_side import ask_in_turn
from lsp_server.errors import BenchError
from lsp_server.http.people.keys import add_key
from tests.http_service import Reply, RunningService, StartService, script_arguments, wait_until
from tests.scripted import Rules, Script

pytestmark = pytest.mark.alone

WriteScript = Callable[[Rules], Script]
RULES: Rules = [
    {"after": "slow", "completion": "x = 1", "delay_ms": 400},
    {"after": "endless", "completion": "x = 1", "delay_ms": 60_000},
    {"after": "deaf", "completion": "x = 1", "delay_ms": 60_000, "deaf": True},
    {"after": "fail", "error": "poisoned"},
    {"after": "", "completion": "x = 1"},
]
PATH = "/v1/completions"


def hang_up_after(service: RunningService, prompt: str, seconds: float) -> None:
    """Ask, and close the connection before there is an answer."""
    content = b'{"prompt": "%s"}' % prompt.encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as peer:
        peer.sendall(head.encode() + content)
        sleep(seconds)


@pytest.fixture
def service(start_service: StartService, write_script: WriteScript) -> RunningService:
    limits = ("--engines", "1", "--burst", "10000", "--longest-wait", "30")
    return start_service(*script_arguments(write_script(RULES), *limits))


def test_a_client_that_hangs_up_frees_the_engine(service: RunningService) -> None:
    hang_up_after(service, "endless", 0.2)
    since = monotonic()
    assert service.post(PATH, {"prompt": "a"}).status == 200
    assert monotonic() - since < 2
    assert service.measure("lory_cancelled_total") == 1
    assert service.measure("lory_running") == 0


def test_100_clients_that_hang_up_leave_nothing_behind(service: RunningService) -> None:
    with ThreadPoolExecutor(20) as pool:
        for number in range(100):
            pool.submit(hang_up_after, service, f"{number} endless", 0.05)
    wait_until(lambda: service.measure("lory_waiting") + service.measure("lory_running") == 0)
    since = monotonic()
    assert service.post(PATH, {"prompt": "a"}).status == 200
    assert monotonic() - since < 2


def test_requests_alike_are_answered_by_one_run_of_the_engine(
    service: RunningService, write_script: WriteScript
) -> None:
    script = write_script(RULES)
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: service.post(PATH, {"prompt": "slow"}), range(3)))
    assert {reply.json["choices"][0]["text"] for reply in replies} == {"x = 1"}
    assert service.measure("lory_joined_total") == 2
    assert [each["prefix"] for each in script.asked].count("slow") <= 1


def test_one_of_several_alike_may_hang_up_and_the_others_are_answered(
    service: RunningService,
) -> None:
    with ThreadPoolExecutor(2) as pool:
        answered = pool.submit(service.post, PATH, {"prompt": "slow"})
        sleep(0.1)
        pool.submit(hang_up_after, service, "slow", 0.05)
        assert answered.result().json["choices"][0]["text"] == "x = 1"


def test_a_person_who_floods_the_service_is_refused_and_others_are_served(
    start_service: StartService, write_script: WriteScript, tmp_path: Path
) -> None:
    keys = tmp_path / "state" / "keys.json"
    flood, calm = ({"Authorization": f"Bearer {add_key(keys, name)}"} for name in ("eve", "ann"))
    limits = ("--engines", "1", "--rate", "5", "--burst", "10", "--concurrency", "2")
    arguments = script_arguments(write_script(RULES), *limits, "--longest-wait", "5")
    service = start_service(*arguments)

    def ask(number: int) -> Reply:
        return service.post(PATH, {"prompt": f"{number} slow"}, flood)

    with ThreadPoolExecutor(8) as pool:
        flooding = [pool.submit(ask, number) for number in range(40)]
        sleep(0.1)
        waits = []
        for number in range(5):
            since = monotonic()
            assert service.post(PATH, {"prompt": f"{number}"}, calm).status == 200
            waits.append(monotonic() - since)
        replies = [each.result() for each in flooding]
    refused = [reply for reply in replies if reply.status == 429]
    assert refused
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert max(waits) < 3 * 0.4


def test_what_would_wait_too_long_is_refused_at_once(
    start_service: StartService, write_script: WriteScript
) -> None:
    limits = ("--engines", "1", "--concurrency", "100", "--burst", "1000", "--longest-wait", "0.2")
    service = start_service(*script_arguments(write_script(RULES), *limits))
    service.post(PATH, {"prompt": "slow"})  # from now on it knows how long one takes

    def ask(number: int) -> tuple[Reply, float]:
        since = monotonic()
        reply = service.post(PATH, {"prompt": f"{number} slow"})
        return reply, monotonic() - since

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(16)))
    shed = [(reply, seconds) for reply, seconds in found if reply.status == 503]
    assert shed
    assert all(reply.headers["retry-after"] == "1" for reply, _ in shed)
    assert sorted(seconds for _, seconds in shed)[len(shed) // 2] < 0.2
    assert service.measure("lory_shed_total") == len(shed)


def test_a_request_that_has_waited_too_long_is_told_so_and_not_begun(
    start_service: StartService, write_script: WriteScript
) -> None:
    script = write_script(RULES)
    limits = ("--engines", "1", "--concurrency", "100", "--burst", "1000", "--longest-wait", "0.15")
    service = start_service(*script_arguments(script, *limits))
    service.post(PATH, {"prompt": "quick"})  # so that a short wait is expected
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(service.post, PATH, {"prompt": "1 slow"})
        wait_until(lambda: service.measure("lory_running") == 1)
        late = pool.submit(service.post, PATH, {"prompt": "2 late"})
        assert (first.result().status, late.result().status) == (200, 503)
    assert "2 late" not in [each["prefix"] for each in script.asked]


def test_an_engine_that_is_killed_comes_back(service: RunningService) -> None:
    (pid,) = service.engines
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: service.get("/readyz").status == 503, 5)
    wait_until(lambda: service.get("/readyz").status == 200)
    assert service.post(PATH, {"prompt": "a"}).status == 200
    assert service.engines != [pid]
    assert service.measure("lory_engine_restarts") == 1


def test_an_engine_that_is_killed_at_work_fails_that_request_alone(
    service: RunningService,
) -> None:
    (pid,) = service.engines
    with ThreadPoolExecutor(2) as pool:
        struck = pool.submit(service.post, PATH, {"prompt": "endless"})
        wait_until(lambda: service.measure("lory_running") == 1)
        waiting = pool.submit(service.post, PATH, {"prompt": "a"})
        wait_until(lambda: service.measure("lory_waiting") == 1)
        os.kill(pid, signal.SIGKILL)
        assert struck.result().status == 500
        assert waiting.result().status == 200


def test_an_engine_that_hangs_is_put_down_at_the_deadline(
    start_service: StartService, write_script: WriteScript
) -> None:
    limits = ("--engines", "1", "--deadline", "1")
    service = start_service(*script_arguments(write_script(RULES), *limits))
    since = monotonic()
    assert service.post(PATH, {"prompt": "deaf"}).status == 500
    assert monotonic() - since < 5
    wait_until(lambda: service.post(PATH, {"prompt": "a"}).status == 200)


def test_a_poisoned_request_fails_alone_among_others(service: RunningService) -> None:
    statuses: dict[str, int] = {}

    def ask(prompt: str) -> None:
        statuses[prompt] = service.post(PATH, {"prompt": prompt}).status

    prompts = [f"{number} {'fail' if number == 3 else 'ok'}" for number in range(7)]
    threads = [threading.Thread(target=ask, args=(prompt,)) for prompt in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {prompt for prompt, status in statuses.items() if status != 200} == {"3 fail"}
    assert statuses["3 fail"] == 500
    assert service.measure("lory_engine_restarts") == 0


def test_two_services_are_asked_the_same_in_turn(service: RunningService) -> None:
    address = Address("127.0.0.1", service.port)
    first, second = ask_in_turn([address, address], 10)
    assert (first.requests, second.requests) == (10, 10)
    assert 0 < first.p50 <= first.p95
    assert service.measure("lory_requests_total") >= 20


def test_times_of_refusals_are_no_figures(
    start_service: StartService, write_script: WriteScript
) -> None:
    limits = ("--engines", "1", "--burst", "2", "--rate", "0.1")
    service = start_service(*script_arguments(write_script(RULES), *limits))
    with pytest.raises(BenchError, match="found status 429"):
        ask_in_turn([Address("127.0.0.1", service.port)], 5)
