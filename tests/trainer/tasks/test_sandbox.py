"""The sandbox: honest programs pass, and each way out that it closes is closed."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.tasks.sandbox import (
    Isolation,
    SandboxLimits,
    probe_isolation,
    run_program,
    run_programs,
)
from trainer.tasks.sandbox_verdict import ProgramResult, Verdict

ROOT = Path(__file__).parents[3]
LIMITS = SandboxLimits(wall_seconds=20, memory_bytes=256 * 1024 * 1024)
SHORT = SandboxLimits(wall_seconds=1)


@pytest.fixture(scope="module")
def isolation() -> Isolation:
    return probe_isolation()


def needs(isolation: Isolation, part: str) -> None:
    if not getattr(isolation, part):
        pytest.skip(f"this machine does not allow its own {part}")


def run(program: str, isolation: Isolation, limits: SandboxLimits = LIMITS) -> ProgramResult:
    return run_program(program, limits, isolation)


def test_a_program_that_runs_through_passes(isolation: Isolation) -> None:
    program = (
        "from dataclasses import dataclass\nimport pickle, statistics\n"
        "@dataclass\nclass Point:\n    x: int\n"
        "assert pickle.loads(pickle.dumps(Point(3))) == Point(3)\n"
        "if __name__ == '__main__':\n    assert statistics.mean([1, 3]) == 2\n"
    )
    assert run(program, isolation) == ProgramResult(Verdict.PASSED, "")


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
    assert run(program, isolation) == ProgramResult(Verdict.FAILED, "forged report")


@pytest.mark.parametrize("program", ["while True: pass", "import time\ntime.sleep(60)"])
def test_a_program_that_does_not_end_is_ended(program: str, isolation: Isolation) -> None:
    started = time.monotonic()
    assert run(program, isolation, SHORT).verdict is Verdict.TIMEOUT
    assert time.monotonic() - started < 15


def test_closing_every_pipe_does_not_escape_the_clock(isolation: Isolation) -> None:
    program = "import os, time\nos.closerange(0, 1024)\ntime.sleep(60)"
    assert run(program, isolation, SHORT) == ProgramResult(Verdict.TIMEOUT, "wall time")


def test_the_clock_is_kept_while_a_program_writes(isolation: Isolation) -> None:
    """Below the bound of output, so that nothing else ends it."""
    program = "import os\nwhile True: os.write(1, b'x') or os.sched_yield()"
    limits = replace(SHORT, output_bytes=10**12)
    started = time.monotonic()
    assert run(program, isolation, limits) == ProgramResult(Verdict.TIMEOUT, "wall time")
    assert time.monotonic() - started < 15


def test_a_report_without_end_is_not_kept(isolation: Isolation) -> None:
    program = "import os\nwhile True: os.write(200, b'x' * 65536)"
    assert run(program, isolation) == ProgramResult(Verdict.FAILED, "forged report")


def test_the_memory_of_all_processes_together_is_bounded(isolation: Isolation) -> None:
    """Each of eight stays far below the limit, all of them are twice as much."""
    needs(isolation, "processes")
    program = (
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        kept = b'x' * (64 * 1024 * 1024)\n"
        "        time.sleep(60)\n"
        "time.sleep(60)\n"
    )
    outcome = run(program, isolation, LIMITS)
    assert outcome == ProgramResult(Verdict.MEMORY, "all processes together")


def test_what_processes_share_counts_once(isolation: Isolation) -> None:
    needs(isolation, "processes")
    program = (
        "import os, time\n"
        "kept = b'x' * (64 * 1024 * 1024)\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(1)\n"
        "        os._exit(0)\n"
        "for _ in range(8):\n    os.wait()\n"
    )
    assert run(program, isolation).passed


@pytest.mark.alone
def test_no_more_programs_run_at_a_time_than_have_room_in_memory(
    isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.tasks.sandbox.machine_memory", lambda: 2 * LIMITS.memory_bytes)
    seen: list[int] = []
    watcher = threading.Event()

    def count() -> None:
        while not watcher.wait(0.05):
            seen.append(len(processes()))

    before = len(processes())
    counting = threading.Thread(target=count)
    counting.start()
    programs = [f"import time; time.sleep(0.5); assert {number} >= 0" for number in range(3)]
    outcomes = list(run_programs(programs, LIMITS, isolation, workers=3))
    watcher.set()
    counting.join()
    assert all(outcome.passed for outcome in outcomes)
    assert max(seen) - before <= 3, "the three processes of one program"


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


@pytest.mark.alone
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
        if b"trainer/tasks/sandbox_child.py" in command:
            found.add(entry.name)
    return found


@pytest.mark.alone
def test_a_killed_evaluation_leaves_no_program_behind(isolation: Isolation, tmp_path: Path) -> None:
    needs(isolation, "processes")
    program = (
        "from trainer.tasks.sandbox import *\n"
        "run_program('import time; time.sleep(600)', SandboxLimits(wall_seconds=600), "
        f"{isolation!r})"
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
