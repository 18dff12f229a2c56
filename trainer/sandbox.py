"""Running programs that a model wrote: takes a program's text and limits, gives how it ended.

What holds a program, everywhere: an interpreter of its own without site-packages, an empty
environment, a folder of its own, limits on processor time, memory for each process, file size,
processes and open files, a wall clock that ends the whole process group, and a cap on its output.
Where Linux allows it (`probe_isolation` says), also: no network, a process space that ends with the
program, a read-only file system with the home folder hidden. As root, the program runs as nobody.

What does not: files outside the home folder that every user may read can be read; without
`Isolation.files` the user's own files can be written; without `Isolation.processes` a process that
leaves its group outlives the program until its processor time is spent. A program that passes must
give back a word that it gets only after its last line; one written to attack this very sandbox, in
the interpreter that runs its tests, could still find that word.
"""

import json
import os
import secrets
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from itertools import product
from pathlib import Path
from signal import SIGKILL, SIGXCPU
from typing import Any

from trainer import jail
from trainer.errors import SandboxError

NOBODY = 65_534
PREFIX = "lory-sandbox-"
START_SECONDS = 60.0
"""Wall time for the interpreter to start and the jail to close, on a busy machine."""
CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """What one program may use."""

    wall_seconds: float
    memory_bytes: int = 512 * 1024 * 1024
    """Address space of each process."""
    file_bytes: int = 16 * 1024 * 1024
    """Size of one file; of all files together where the file system is isolated."""
    process_count: int = 32
    open_files: int = 64
    output_bytes: int = 1024 * 1024
    """Standard output and error together; more ends the program."""

    @property
    def cpu_seconds(self) -> int:
        """Whole seconds of processor time, just above the wall time."""
        return int(self.wall_seconds) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """Which walls of the operating system stand around a program."""

    network: bool
    """Its own network, without any interface up."""
    processes: bool
    """Its own process space: nothing it starts outlives it, and it sees no process but its own."""
    files: bool
    """The file system is read-only and without the home folder; its own folder is in memory."""

    def __str__(self) -> str:
        missing = [field.name for field in fields(self) if not getattr(self, field.name)]
        return f"sandbox without own {', '.join(missing)}" if missing else "sandbox fully isolated"


class Verdict(StrEnum):
    """How a program ended."""

    PASSED = "passed"
    FAILED = "failed"
    """An exception, a failed assertion, or an end before its last line."""
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One program's end."""

    verdict: Verdict
    detail: str

    @property
    def passed(self) -> bool:
        """Whether the program ran through its last line."""
        return self.verdict is Verdict.PASSED


def probe_isolation() -> Isolation:
    """The strongest isolation that works on this machine, found by trying.

    Raises SandboxError where not even limits alone can hold a program.
    """
    limits = SandboxLimits(wall_seconds=START_SECONDS)
    reason = ""
    choices = sorted(product((True, False), repeat=3), key=sum, reverse=True)
    for network, processes, files in choices:
        isolation = Isolation(network=network, processes=processes, files=files)
        try:
            # The module is one that no interpreter loads at its start: can the library be read?
            outcome = run_program("import colorsys", limits, isolation)
        except SandboxError as error:
            reason = str(error)
            continue
        if outcome.passed:
            return isolation
        reason = outcome.detail
    raise SandboxError(
        f"programs cannot be run under limits on this machine ({reason}); evaluate as an ordinary "
        "user, with a Python that every user can read, or leave the program sets out of the recipe"
    )


def run_programs(
    programs: Iterable[str], limits: SandboxLimits, isolation: Isolation, workers: int
) -> Iterator[Outcome]:
    """`run_program` on each, at most `workers` at a time; outcomes in the programs' order."""
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda program: run_program(program, limits, isolation), programs)


def run_program(program: str, limits: SandboxLimits, isolation: Isolation) -> Outcome:
    """Run one program to its end, or to that of its limits.

    Raises SandboxError where the isolation asked for cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        user = NOBODY if os.geteuid() == 0 else None
        if user is not None:
            os.chown(folder, user, user)
        job = jail.Job(
            program=program,
            folder=folder,
            home=hidden_home(),
            interpreter=sys.base_prefix,
            user=user,
            cpu_seconds=limits.cpu_seconds,
            memory_bytes=limits.memory_bytes,
            file_bytes=limits.file_bytes,
            process_count=limits.process_count,
            open_files=limits.open_files,
            **asdict(isolation),
        )
        with start_jail(folder) as process:
            try:
                send(process, json.dumps(asdict(job)) + "\n")
                return conclude(process, limits)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, SIGKILL)


def start_jail(folder: str) -> "subprocess.Popen[bytes]":
    """The jail's interpreter in a session of its own, without this process's environment."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", jail.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=folder,
        env={"LANG": "C.UTF-8"},
        start_new_session=True,
    )


def send(process: "subprocess.Popen[bytes]", text: str) -> None:
    """Text into the jail; one that is gone is noticed where its report is read."""
    assert process.stdin
    rest = memoryview(text.encode())
    with suppress(BrokenPipeError):
        while rest:
            rest = rest[os.write(process.stdin.fileno(), rest) :]


def conclude(process: "subprocess.Popen[bytes]", limits: SandboxLimits) -> Outcome:
    """Follow the jail's output and report until the program's end is known."""
    word = secrets.token_hex(16)
    clock = Clock(time.monotonic() + START_SECONDS)
    started, printed, rest = False, 0, b""
    for is_report, chunk in read_chunks(process, clock):
        if not is_report:
            printed += len(chunk)
            if printed > limits.output_bytes:
                return Outcome(Verdict.OUTPUT, f"more than {limits.output_bytes} bytes of output")
            continue
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if started:
                return read_verdict(line, word)
            check_started(line)
            started = True
            clock.end = time.monotonic() + limits.wall_seconds
            send(process, word)
    if not started:
        raise SandboxError(f"the sandbox did not start: {last_line(rest) or 'no report'}")
    return read_status(process, clock)


@dataclass(slots=True)
class Clock:
    """The moment, of time.monotonic(), at which patience ends."""

    end: float

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(0.0, self.end - time.monotonic())


def read_chunks(process: "subprocess.Popen[bytes]", clock: Clock) -> Iterator[tuple[bool, bytes]]:
    """(whether it is report, bytes) as they come, until both streams end or the clock does."""
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            assert stream
            selector.register(stream, selectors.EVENT_READ, stream is process.stderr)
        while selector.get_map() and (events := selector.select(clock.left)):
            for key, _ in events:
                chunk = os.read(key.fd, CHUNK_BYTES)
                if chunk:
                    yield key.data, chunk
                else:
                    selector.unregister(key.fileobj)


def check_started(line: bytes) -> None:
    """Raise SandboxError unless the jail's first line says that its walls stand."""
    message = parse_message(line)
    if "ready" not in message:
        reason = message.get("error", last_line(line))
        raise SandboxError(f"the isolation asked for cannot be had here: {reason}")


def read_verdict(line: bytes, word: str) -> Outcome:
    """The outcome that the jail reports; a pass without the word is a program that lied."""
    message = parse_message(line)
    detail = str(message.get("detail", ""))
    match message.get("verdict"):
        case "passed" if secrets.compare_digest(detail.encode(), word.encode()):
            return Outcome(Verdict.PASSED, "")
        case "memory":
            return Outcome(Verdict.MEMORY, detail)
        case "failed":
            return Outcome(Verdict.FAILED, detail)
    return Outcome(Verdict.FAILED, "forged report")


def read_status(process: "subprocess.Popen[bytes]", clock: Clock) -> Outcome:
    """The outcome of a program that never reported: how its process ended, if it did in time."""
    try:
        status = process.wait(clock.left)
    except subprocess.TimeoutExpired:
        return Outcome(Verdict.TIMEOUT, "wall time")
    if status in (128 + SIGXCPU, 128 + SIGKILL):
        return Outcome(Verdict.TIMEOUT, "processor time")
    return Outcome(Verdict.FAILED, f"ended before its last line, with status {status}")


def parse_message(line: bytes) -> dict[str, Any]:
    """A line of the report; empty where it is not one."""
    with suppress(ValueError):
        message = json.loads(line)
        if isinstance(message, dict):
            return message
    return {}


def last_line(text: bytes) -> str:
    """The last line of what a failing interpreter printed."""
    return text.decode(errors="replace").strip().rpartition("\n")[2]


def hidden_home() -> str:
    """The home folder, where there is one that can be hidden."""
    home = Path.home()
    return str(home) if home.is_dir() and home != Path(home.anchor) else ""
