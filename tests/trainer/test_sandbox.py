"""The sandbox: honest programs pass, and each way out that it closes is closed."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from trainer.errors import SandboxError
from trainer.sandbox import (
    Isolation,
    Outcome,
    SandboxLimits,
    Verdict,
    probe_isolation,
    run_program,
    run_programs,
)

ROOT = Path(__file__).parents[2]
LIMITS = SandboxLimits(wall_seconds=20, memory_bytes=256 * 1024 * 1024)
SHORT = SandboxLimits(wall_seconds=1)


@pytest.fixture(scope="module")
def isolation() -> Isolation:
    return probe_isolation()


def needs(isolation: Isolation, part: str) -> None:
    if not getattr(isolation, part):
        pytest.skip(f"this machine does not allow its own {part}")


def run(program: str, isolation: Isolation, limits: SandboxLimits = LIMITS) -> Outcome:
    return run_program(program, limits, isolation)


def test_a_program_that_runs_through_passes(isolation: Isolation) -> None:
    program = (
        "from dataclasses import dataclass\nimport pickle, statistics\n"
        "@dataclass\nclass Point:\n    x: int\n"
        "assert pickle.loads(pickle.dumps(Point(3))) == Point(3)\n"
        "if __name__ == '__main__':\n    assert statistics.mean([1, 3]) == 2\n"
    )
    assert run(program, isolation) == Outcome(Verdict.PASSED, "")


@pytest.mark.parametrize(
    ("program", "detail"),
    [
        ("assert 1 == 2, 'sum is wrong'", "AssertionError: sum is wrong"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth"),
        ("import numpy", "ModuleNotFoundError: No module named 'numpy'"),
        ("input()", "EOFError: EOF when reading a line"),
    ],
)
def test_a_program_that_raises_fails_and_says_why(
    program: str, detail: str, isolation: Isolation
) -> None:
    outcome = run(program, isolation)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.detail.startswith(detail)


@pytest.mark.parametrize(
    "leaving",
    ["import sys; sys.exit(0)", "import os; os._exit(0)", "raise SystemExit", "quit()"],
)
def test_leaving_before_the_tests_is_no_pass(leaving: str, isolation: Isolation) -> None:
    assert run(f"{leaving}\nassert False", isolation).verdict is Verdict.FAILED


def test_a_report_that_the_program_makes_up_is_no_pass(isolation: Isolation) -> None:
    program = (
        "import json, os\n"
        "line = json.dumps({'verdict': 'passed', 'detail': '0' * 32}).encode() + b'\\n'\n"
        "for place in range(1024):\n"
        "    try:\n        os.write(place, line)\n"
        "    except OSError:\n        pass\n"
        "os._exit(0)\n"
    )
    assert run(program, isolation) == Outcome(Verdict.FAILED, "forged report")


@pytest.mark.parametrize("program", ["while True: pass", "import time\ntime.sleep(60)"])
def test_a_program_that_does_not_end_is_ended(program: str, isolation: Isolation) -> None:
    started = time.monotonic()
    assert run(program, isolation, SHORT).verdict is Verdict.TIMEOUT
    assert time.monotonic() - started < 15


def test_closing_every_pipe_does_not_escape_the_clock(isolation: Isolation) -> None:
    program = "import os, time\nos.closerange(0, 1024)\ntime.sleep(60)"
    assert run(program, isolation, SHORT) == Outcome(Verdict.TIMEOUT, "wall time")


def test_memory_is_bounded(isolation: Isolation) -> None:
    assert run("x = bytearray(10**9)", isolation).verdict is Verdict.MEMORY


def test_output_is_bounded(isolation: Isolation) -> None:
    assert run("while True: print('x' * 1000)", isolation).verdict is Verdict.OUTPUT


def test_output_below_the_bound_does_no_harm(isolation: Isolation) -> None:
    program = "import sys\nprint('x' * 500_000)\nprint('y' * 400_000, file=sys.stderr)"
    assert run(program, isolation).passed


def test_files_are_bounded(isolation: Isolation) -> None:
    outcome = run("with open('big', 'wb') as f: f.write(b'x' * 10**8)", isolation)
    assert outcome.detail.startswith("OSError")


def test_a_fork_bomb_is_bounded_and_leaves_nothing_behind(isolation: Isolation) -> None:
    program = (
        "import os, time\n"
        "children = 0\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0:\n"
        "            os.setsid()\n"
        "            time.sleep(10)\n"
        "        children += 1\n"
        "except BlockingIOError:\n"
        "    assert children < 100, children\n"
    )
    before = processes()
    assert run(program, isolation).passed
    if isolation.processes:
        wait_until(lambda: not processes() - before)


def processes() -> set[str]:
    """Ids of the running processes of the sandbox's script."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"trainer/jail.py" in command:
            found.add(entry.name)
    return found


def test_a_killed_evaluation_leaves_no_program_behind(isolation: Isolation, tmp_path: Path) -> None:
    needs(isolation, "processes")
    program = (
        "from trainer.sandbox import *\n"
        "run_program('import time; time.sleep(600)', SandboxLimits(wall_seconds=600), "
        f"Isolation(network={isolation.network}, processes=True, files={isolation.files}))"
    )
    before = processes()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    evaluation = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment)
    wait_until(lambda: len(processes() - before) >= 3)
    evaluation.kill()
    evaluation.wait()
    wait_until(lambda: not processes() - before)


def wait_until(holds: Callable[[], bool]) -> None:
    """Return once `holds`; fail after half a minute."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_environments_secrets_are_not_there(
    isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    program = (
        "import os\n"
        "assert 'hunter2' not in str(dict(os.environ)), 'in the environment'\n"
        "assert b'hunter2' not in open('/proc/self/environ', 'rb').read(), 'in the process'\n"
        "assert os.getcwd() == os.path.expanduser('~')\n"
    )
    outcome = run(program, isolation)
    assert outcome.passed or "/proc" in outcome.detail, outcome


def test_the_parents_environment_cannot_be_read_through_proc(
    isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(isolation, "processes")
    program = f"assert not __import__('os').path.exists('/proc/{os.getpid()}/environ')"
    assert run(program, isolation).passed


@pytest.fixture
def listener() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_there_is_no_network(isolation: Isolation, listener: int) -> None:
    needs(isolation, "network")
    outcome = run(f"import socket\nsocket.create_connection(('127.0.0.1', {listener}))", isolation)
    assert outcome.verdict is Verdict.FAILED
    assert outcome.detail.startswith(("OSError", "ConnectionRefusedError"))


def test_without_isolation_the_same_connection_is_made(isolation: Isolation, listener: int) -> None:
    needs(isolation, "network")
    connected = Isolation(network=False, processes=True, files=True)
    program = f"import socket\nsocket.create_connection(('127.0.0.1', {listener})).close()"
    assert run(program, connected).passed


def test_nothing_outside_its_folder_can_be_written(isolation: Isolation, tmp_path: Path) -> None:
    needs(isolation, "files")
    tmp_path.chmod(0o777)
    target = tmp_path / "written"
    outcome = run(f"open({str(target)!r}, 'w').write('x')", isolation)
    assert outcome.verdict is Verdict.FAILED
    assert not target.exists()
    assert run("open('mine', 'w').write('x'); assert open('mine').read() == 'x'", isolation).passed


def test_the_home_folder_is_hidden(isolation: Isolation, tmp_path: Path) -> None:
    needs(isolation, "files")
    secret = Path.home() / f".lory-test-{os.getpid()}"
    secret.write_text("hunter2")
    secret.chmod(0o644)
    try:
        outcome = run(f"open({str(secret)!r}).read()", isolation)
    finally:
        secret.unlink()
    assert outcome.detail.startswith("FileNotFoundError")


def test_the_walls_cannot_be_taken_down_from_inside(isolation: Isolation) -> None:
    needs(isolation, "files")
    program = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None)\n"
        "assert os.getuid() != 0, 'root'\n"
        "assert libc.umount2(os.path.expanduser('~').encode(), 2) != 0, 'unmounted'\n"
        "assert libc.mount(b'none', b'/', None, 32 | 4096, None) != 0, 'remounted'\n"
    )
    assert run(program, isolation).passed


def test_outcomes_come_in_the_programs_order(isolation: Isolation) -> None:
    programs = [f"import time; time.sleep({0.3 - i / 10}); assert {i} % 2" for i in range(4)]
    outcomes = list(run_programs(programs, LIMITS, isolation, workers=2))
    assert [outcome.passed for outcome in outcomes] == [False, True, False, True]


def test_a_folder_of_its_own_is_removed_afterwards(
    isolation: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run("import os\nos.makedirs('a/b')\nos.chmod('a', 0)", isolation)
    assert list(tmp_path.iterdir()) == []


def test_an_isolation_that_cannot_be_had_is_an_error_not_a_weaker_sandbox(
    isolation: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(isolation, "files")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("sys.base_prefix", str(tmp_path / "no-such-folder"))
    with pytest.raises(SandboxError, match="cannot be had here"):
        run("pass", isolation)
