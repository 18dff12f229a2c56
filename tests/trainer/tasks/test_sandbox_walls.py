"""The walls around a sandboxed program: each way out that they close is tried."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.errors import SandboxError
from trainer.tasks.sandbox import Isolation, SandboxLimits, probe_isolation, run_program
from trainer.tasks.sandbox_verdict import ProgramResult, Verdict
from trainer.tasks.system_calls import REFUSED, compile_filter, find_library

ROOT = Path(__file__).parents[3]
LIMITS = SandboxLimits(wall_seconds=20, memory_bytes=256 * 1024 * 1024)


@pytest.fixture(scope="module")
def isolation() -> Isolation:
    return probe_isolation()


def needs(isolation: Isolation, part: str) -> None:
    if not getattr(isolation, part):
        pytest.skip(f"this machine does not allow its own {part}")


def run(program: str, isolation: Isolation, limits: SandboxLimits = LIMITS) -> ProgramResult:
    return run_program(program, limits, isolation)


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
    connected = replace(isolation, network=False)
    program = f"import socket\nsocket.create_connection(('127.0.0.1', {listener})).close()"
    assert run(program, connected).passed


@pytest.fixture
def unix_listener() -> Iterator[str]:
    """A socket that everybody may connect to, in a folder that no isolation hides."""
    folder = Path("/var/lib") if os.access("/var/lib", os.W_OK) else Path.cwd()
    path = str(folder / f"lory-test-{os.getpid()}.sock")
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(path)
        server.listen()
        Path(path).chmod(0o777)
        yield path
    Path(path).unlink()


def test_unix_sockets_cannot_be_reached(isolation: Isolation, unix_listener: str) -> None:
    """The network's walls do not hold sockets that are files: system calls must."""
    needs(isolation, "system_calls")
    program = f"import socket\nsocket.socket(socket.AF_UNIX).connect({unix_listener!r})"
    assert run(program, isolation).detail.startswith("PermissionError")
    open_to_all = replace(isolation, system_calls=False)
    assert run(program, open_to_all).passed, "the same connection is made without"


@pytest.mark.parametrize(
    ("attempt", "refused"),
    [
        ("socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", "PermissionError"),
        ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "PermissionError"),
        ("socket.socket(40, socket.SOCK_STREAM)", "PermissionError"),
        ("os.memfd_create('x')", "PermissionError"),
        ("os.open('/dev/kvm', os.O_RDWR)", "FileNotFoundError"),
    ],
)
def test_other_ways_out_are_refused(attempt: str, refused: str, isolation: Isolation) -> None:
    needs(isolation, "system_calls")
    needs(isolation, "files")
    assert run(f"import os, socket\n{attempt}", isolation).detail.startswith(refused)


def test_a_socket_family_cannot_hide_in_the_upper_half_of_its_register(
    isolation: Isolation,
) -> None:
    needs(isolation, "system_calls")
    program = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "number = 41 if __import__('os').uname().machine == 'x86_64' else 198\n"
        "family = ctypes.c_uint64((1 << 32) | 1)\n"
        "assert libc.syscall(number, family, 1, 0) == -1\n"
        "assert ctypes.get_errno() == 1\n"
    )
    assert run(program, isolation) == ProgramResult(Verdict.PASSED, "")


def test_no_shared_memory_or_keyring_or_namespace_can_be_made(isolation: Isolation) -> None:
    needs(isolation, "system_calls")
    program = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "for name, arguments in [('shmget', (0, 4096, 0o1600)), ('semget', (0, 1, 0o1600)),\n"
        "                        ('msgget', (0, 0o1600)), ('unshare', (0x10000000,)),\n"
        "                        ('ptrace', (0, 0, 0, 0)), ('setns', (0, 0))]:\n"
        "    assert getattr(libc, name)(*arguments) == -1, name\n"
        "    assert ctypes.get_errno() == 1, (name, ctypes.get_errno())\n"
        "numbers = {'x86_64': (248, 249, 250), 'aarch64': (217, 218, 219)}\n"
        "for number in numbers.get(os.uname().machine, ()):\n"  # add_key, request_key, keyctl
        "    assert libc.syscall(number, b'user', b'x', b'y', 1, -4) == -1, number\n"
        "    assert ctypes.get_errno() == 1, (number, ctypes.get_errno())\n"
    )
    assert run(program, isolation) == ProgramResult(Verdict.PASSED, "")


def test_shared_memory_is_gone_with_the_program(isolation: Isolation) -> None:
    """Where system calls cannot be refused, the process space has memory of its own."""
    needs(isolation, "processes")
    before = Path("/proc/sysvipc/shm").read_text()
    program = "import ctypes\nassert ctypes.CDLL(None).shmget(0x10a, 4096, 0o1666) >= 0, 'not made'"
    assert run(program, replace(isolation, system_calls=False)).passed
    assert Path("/proc/sysvipc/shm").read_text() == before


def test_what_honest_programs_use_still_works(isolation: Isolation) -> None:
    """asyncio's socket pair, threads, child processes, pipes and the devices."""
    program = (
        "import asyncio, subprocess, sys, threading, random, os\n"
        "async def main():\n    await asyncio.sleep(0)\n    return 3\n"
        "assert asyncio.run(main()) == 3\n"
        "thread = threading.Thread(target=print)\nthread.start()\nthread.join()\n"
        "found = subprocess.run([sys.executable, '-S', '-c', 'print(1)'], capture_output=True)\n"
        "assert found.stdout == b'1\\n', found\n"
        "assert len(os.urandom(8)) == len(open('/dev/urandom', 'rb').read(8))\n"
        "open('/dev/null', 'w').write('x')\n"
    )
    assert run(program, isolation) == ProgramResult(Verdict.PASSED, "")


def test_the_filter_names_calls_that_exist() -> None:
    """A misspelt call would be passed over in silence."""
    if not compile_filter():
        pytest.skip("no libseccomp here")
    library = find_library()
    assert library is not None
    unknown = [
        name for name in REFUSED if library.seccomp_syscall_resolve_name(name.encode()) == -1
    ]
    assert unknown == []


def test_an_ordinary_users_programs_are_as_isolated(unix_listener: str, tmp_path: Path) -> None:
    """The system's own Python, as a user that owns nothing here, with a socket of its own."""
    python = shutil.which("python3", path="/usr/bin")
    if os.geteuid() != 0 or python is None or not is_recent(python):
        pytest.skip("needs root, to be somebody else, and a Python that all users may run")
    package = tmp_path / "trainer"
    (package / "tasks").mkdir(parents=True)
    shared = ("__init__", "errors", "tasks/__init__")
    own = ("sandbox", "sandbox_child", "sandbox_verdict", "system_calls")
    for name in (*shared, *(f"tasks/{name}" for name in own)):
        shutil.copy(ROOT / "trainer" / f"{name}.py", package / f"{name}.py")
    place = Path(f"/var/tmp/lory-test-{os.getpid()}")
    shutil.copytree(tmp_path, place)
    user = pwd.getpwnam("daemon").pw_uid
    program = f"import socket; socket.socket(socket.AF_UNIX).connect({unix_listener!r})"
    script = (
        f"import sys; sys.path.insert(0, {str(place)!r})\n"
        "from trainer.tasks.sandbox import *\n"
        "isolation = probe_isolation()\n"
        "limits = SandboxLimits(wall_seconds=20)\n"
        f"program = {program!r}\n"
        "print(isolation, '|', run_program(program, limits, isolation).detail)\n"
        "print(run_program('import asyncio; asyncio.run(asyncio.sleep(0))', limits, isolation))\n"
    )
    try:
        os.chmod(place, 0o755)
        ended = subprocess.run(
            [python, "-c", script], user=user, cwd="/", capture_output=True, text=True, timeout=120,
            env={"HOME": "/nonexistent", "TMPDIR": "/var/tmp"},
        )  # fmt: skip
    finally:
        shutil.rmtree(place)
    assert ended.returncode == 0, ended.stderr
    if "without" in ended.stdout:
        pytest.skip(f"an ordinary user of this machine has a {ended.stdout}")
    first, second = ended.stdout.splitlines()
    assert first.startswith("sandbox fully isolated | PermissionError")
    assert "passed" in second


def is_recent(python: str) -> bool:
    """Whether an interpreter can read this project."""
    test = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", test]).returncode == 0


@pytest.mark.parametrize("folder", ["/tmp", "/run", "/var/tmp"])
def test_folders_that_all_users_share_are_hidden(folder: str, isolation: Isolation) -> None:
    needs(isolation, "files")
    left = Path(folder) / f"lory-test-{os.getpid()}"
    left.write_text("hunter2")
    left.chmod(0o644)
    try:
        outcome = run(f"open({str(left)!r}).read()", isolation)
    finally:
        left.unlink()
    assert outcome.detail.startswith("FileNotFoundError")


def test_what_this_machine_cannot_isolate_is_said_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("trainer.tasks.sandbox.compile_filter", lambda: b"")
    assert not probe_isolation().system_calls
    assert "sandbox without own" in caplog.text
    assert "system calls" in caplog.text


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
