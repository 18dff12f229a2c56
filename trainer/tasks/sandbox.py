"""Runs programs that a model wrote, in a sandbox with limits.

What holds a program, everywhere: an interpreter of its own without site-packages, an empty
environment, a folder of its own, limits on processor time, memory for each process, file size,
processes and open files, a wall clock that ends the whole process group, and a cap on its output.
Where Linux allows it (`probe_isolation` says), also: no network; a process space that ends with the
program, with System V memory of its own and a limit on the memory of all its processes together; a
read-only file system without home, temporary and run-time folders, and of the devices just those
that reach nothing; no system call that leads to Unix sockets, keyrings, other namespaces or memory
that no limit counts (`system_calls.py`). As root, the program runs as nobody.

What does not: files elsewhere that every user may read can be read; without `Isolation.files` the
user's own files can be written; without `Isolation.processes` a process that leaves its group
outlives the program until its processor time is spent, and memory is limited for each process
alone; without `Isolation.system_calls` a program of the user's own account can use what that
account has in the kernel, such as its keyring. A program that passes must give back a word that it
gets only after its last line; one written to attack this very sandbox, in the interpreter that runs
its tests, could still find that word.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from itertools import product
from pathlib import Path
from signal import SIGKILL

from trainer.errors import SandboxError
from trainer.tasks import sandbox_child
from trainer.tasks.sandbox_verdict import START_SECONDS, ProgramResult, conclude, send
from trainer.tasks.system_calls import compile_filter

NOBODY = 65_534
PREFIX = "lory-sandbox-"
MEMORY_SHARE = 0.5
"""Of the machine's memory, for all programs that run at one time."""
SHARED_FOLDERS = ("/run", "/tmp", "/var/tmp")
"""Where other programs leave sockets and files for whoever comes."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """What one program may use."""

    wall_seconds: float
    memory_bytes: int = 512 * 1024 * 1024
    """Address space of each process; where processes are isolated, memory of all together too."""
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
    """The file system is read-only, what people and programs leave in it is hidden; its own folder
    is in memory."""
    system_calls: bool
    """No Unix sockets, keyrings, new namespaces, or memory that no limit counts."""

    def __str__(self) -> str:
        missing = [
            field.name.replace("_", " ") for field in fields(self) if not getattr(self, field.name)
        ]
        return f"sandbox without own {', '.join(missing)}" if missing else "sandbox fully isolated"


def probe_isolation() -> Isolation:
    """The strongest isolation that works on this machine, found by trying.

    What cannot be had is logged as a warning, before any program runs. Raises SandboxError where
    not even limits alone can hold a program.
    """
    limits = SandboxLimits(wall_seconds=START_SECONDS)
    reason = ""
    walls = [field.name for field in fields(Isolation)]
    for choice in sorted(product((True, False), repeat=len(walls)), key=sum, reverse=True):
        isolation = Isolation(**dict(zip(walls, choice, strict=True)))
        try:
            # The module is one that no interpreter loads at its start: can the library be read?
            outcome = run_program("import colorsys", limits, isolation)
        except SandboxError as error:
            reason = str(error)
            continue
        if outcome.passed:
            if not all(choice):
                log.warning("programs run in a %s", isolation)
            return isolation
        reason = outcome.detail
    raise SandboxError(
        f"programs cannot be run under limits on this machine ({reason}); evaluate as an ordinary "
        "user, with a Python that every user can read, or leave the program sets out of the recipe"
    )


def run_programs(
    programs: Iterable[str], limits: SandboxLimits, isolation: Isolation, workers: int
) -> Iterator[ProgramResult]:
    """`run_program` on each, at most `workers` at a time; outcomes in the programs' order.

    Fewer at a time where so many could not have their memory together.
    """
    most = int(machine_memory() * MEMORY_SHARE) // limits.memory_bytes
    with ThreadPoolExecutor(max(1, min(workers, most))) as pool:
        yield from pool.map(lambda program: run_program(program, limits, isolation), programs)


def machine_memory() -> int:
    """Bytes of the machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def run_program(program: str, limits: SandboxLimits, isolation: Isolation) -> ProgramResult:
    """Run one program to its end, or to that of its limits.

    Raises SandboxError where the isolation asked for cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as folder:
        user = NOBODY if os.geteuid() == 0 else None
        if user is not None:
            os.chown(folder, user, user)
        job = sandbox_child.Job(
            program=program,
            folder=folder,
            hidden=hidden_folders(),
            interpreter=sys.base_prefix,
            user=user,
            network=isolation.network,
            processes=isolation.processes,
            files=isolation.files,
            filter=find_filter().hex() if isolation.system_calls else "",
            cpu_seconds=limits.cpu_seconds,
            memory_bytes=limits.memory_bytes,
            file_bytes=limits.file_bytes,
            process_count=limits.process_count,
            open_files=limits.open_files,
        )
        with start_sandbox_child(folder) as process:
            try:
                send(process, json.dumps(asdict(job)) + "\n")
                return conclude(process, limits.wall_seconds, limits.output_bytes)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, SIGKILL)


def start_sandbox_child(folder: str) -> "subprocess.Popen[bytes]":
    """The sandbox's interpreter in a session of its own, without this process's environment."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", sandbox_child.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=folder,
        env={"LANG": "C.UTF-8"},
        start_new_session=True,
    )


def find_filter() -> bytes:
    """The filter of system calls; SandboxError where this system cannot make one."""
    if not (found := compile_filter()):
        raise SandboxError("expected libseccomp on this system; install libseccomp2")
    return found


def hidden_folders() -> list[str]:
    """The home folder and those that all users share, as far as they exist; none within another."""
    found = {Path(folder).resolve() for folder in (Path.home(), *SHARED_FOLDERS)}
    folders = {folder for folder in found if folder.is_dir() and folder != Path(folder.anchor)}
    return sorted(str(folder) for folder in folders if folders.isdisjoint(folder.parents))
