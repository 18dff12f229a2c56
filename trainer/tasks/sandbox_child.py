"""The sandbox's child process, which runs one untrusted program and reports how it ended.

`sandbox.py` starts this file as a script, in an interpreter of its own with an empty environment,
so it imports the standard library alone. Three processes: the outermost holds the namespaces and
waits; the second is the first process of the new process space, with its end all others end, and
it watches how much memory they hold together; the third gives up its rights, takes its limits and
runs the program. Each dies with its parent, the outermost with the process that started it. Linux
only: it speaks to the kernel.

Standard input brings the job and, once the program runs, a word; standard error is the report. Both
are moved out of the program's sight before it starts; its own errors go to its output.
"""

import ctypes
import json
import os
import resource
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SIGKILL = 1, 22, 38, 9
SECCOMP_MODE_FILTER, BYTES_OF_INSTRUCTION = 2, 8
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
CAPABILITY_VERSION_3 = 0x2008_0522

REPORT, WORD = 200, 201
"""File descriptors: of JSON lines going out, of the word that proves a program's end coming in."""

DEVICES = ("null", "zero", "full", "random", "urandom")
LINKS = {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
"""In /dev, to where in /proc/self."""

LOOK_SECONDS = 0.05
"""Between two looks at how much memory all processes hold together."""

LONGEST_DETAIL = 300
"""Characters of an exception's text that are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program and what holds it; crosses as JSON."""

    program: str
    folder: str
    """Working folder and HOME; a file system in memory is put there where `files` is set."""
    hidden: list[str]
    """Folders that are empty for the program where `files` is set."""
    interpreter: str
    """Folder of the Python installation, kept readable whatever is hidden."""
    user: int | None
    """User and group the program runs as; None keeps those of the caller."""
    network: bool
    processes: bool
    files: bool
    filter: str
    """The seccomp filter in hexadecimal; empty sets none."""
    cpu_seconds: int
    memory_bytes: int
    """Of each process, and where `processes` is set of all together."""
    file_bytes: int
    process_count: int
    open_files: int


def main() -> None:
    """Read the job, build the sandbox, run the program in it, leave with its exit status."""
    job = receive_job()
    sys.executable = os.path.realpath(sys.executable)  # an environment may lie in what is hidden
    os.dup2(2, REPORT)
    os.dup2(1, 2)
    os.dup2(0, WORD)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        enter_namespaces(job)
        call("prctl", PR_SET_PDEATHSIG, SIGKILL)
    except OSError as exc:
        tell(error=f"{exc.strerror}: {exc.filename}")
        os._exit(1)
    wait_for(os.fork() or become_first_process(job))


def receive_job() -> Job:
    """The job: one line of JSON."""
    line = bytearray()
    while not line.endswith(b"\n"):
        chunk = os.read(0, 65_536)
        if not chunk:
            raise EOFError("standard input ended within the job")
        line += chunk
    return Job(**json.loads(line))


def become_first_process(job: Job) -> int:
    """In the forked child: die with the parent, mount the new process space, start the runner."""
    call("prctl", PR_SET_PDEATHSIG, SIGKILL)
    try:
        if job.processes:
            mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        runner = os.fork()
        if runner == 0:
            give_up_rights(job)
    except OSError as exc:
        tell(error=f"{exc.strerror}: {exc.filename}")
        os._exit(1)
    if runner == 0:
        run(job)
    if job.processes:
        watch_memory(runner, job.memory_bytes)
    return runner


def watch_memory(runner: int, most: int) -> None:
    """Return once the runner has ended; end everything where all processes hold more than `most`.

    Called in the first process of the process space, which sees no other processes than these.
    """
    runner_ends = os.pidfd_open(runner)
    while not select.select([runner_ends], [], [], LOOK_SECONDS)[0]:
        if sum(map(held_memory, filter(str.isdigit, os.listdir("/proc")))) > most:
            tell(verdict="memory", detail="all processes together")
            os._exit(1)


def held_memory(process: str) -> int:
    """Bytes of a process, its share of what it shares; all of that where the kernel tells no more.

    0 for one that has ended.
    """
    with suppress(OSError), open(f"/proc/{process}/smaps_rollup", "rb") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(b"Pss:")) * 1024
    with suppress(OSError), open(f"/proc/{process}/statm", "rb") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
    return 0


def wait_for(process: int) -> None:
    """Leave as `process` leaves; 128 + signal where one ended it, as shells count."""
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os._exit(code if code >= 0 else 128 - code)


def call(name: str, *arguments: Any) -> None:
    """A function of the C library; raises OSError, with the function's name, where it fails."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2)."""
    words = (source.encode(), target.encode(), kind.encode())
    call("mount", *words, ctypes.c_ulong(flags), options.encode())


def enter_namespaces(job: Job) -> None:
    """Leave the host's network, processes and mounts, as far as the job asks."""
    flags = CLONE_NEWNET if job.network else 0
    flags |= CLONE_NEWPID | CLONE_NEWIPC if job.processes else 0
    flags |= CLONE_NEWNS if job.processes or job.files else 0
    if not flags:
        return
    user, group = os.getuid(), os.getgid()
    call("unshare", flags if user == 0 else flags | CLONE_NEWUSER)
    if user != 0:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{user} {user} 1")
        write("/proc/self/gid_map", f"{group} {group} 1")
    if flags & CLONE_NEWNS:
        mount("none", "/", "none", MS_REC | MS_PRIVATE)
    if job.files:
        close_files(job)


def write(path: str, text: str) -> None:
    """Text into one of the kernel's files."""
    with open(path, "w") as file:
        file.write(text)


def close_files(job: Job) -> None:
    """Hide folders and devices, make all read-only, put a small file system in the own folder."""
    with keep(job.interpreter, job.hidden):
        for folder in job.hidden:
            mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    os.makedirs(job.folder, exist_ok=True)
    close_devices()
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    everything = (AT_FDCWD, b"/", AT_RECURSIVE, attributes, ctypes.sizeof(attributes))
    call("syscall", SYS_MOUNT_SETATTR, *everything)
    owner = job.user if job.user is not None else os.getuid()
    options = f"mode=700,size={job.file_bytes},nr_inodes=1000,uid={owner}"
    mount("tmpfs", job.folder, "tmpfs", MS_NOSUID | MS_NODEV, options)


@contextmanager
def keep(folder: str, hidden: list[str]) -> Iterator[None]:
    """Put a folder back in its place once those around it have been hidden."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    yield
    if any(os.path.commonpath((folder, above)) == above for above in hidden):
        os.makedirs(folder, exist_ok=True)
        mount(f"/proc/self/fd/{handle}", folder, "none", MS_BIND | MS_REC)
    os.close(handle)


def close_devices() -> None:
    """Leave those devices alone that give or take bytes and reach nothing."""
    handles = {name: os.open(f"/dev/{name}", os.O_PATH) for name in DEVICES}
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=1m")
    for name, handle in handles.items():
        write(f"/dev/{name}", "")
        mount(f"/proc/self/fd/{handle}", f"/dev/{name}", "none", MS_BIND)
        os.close(handle)
    for name, target in LINKS.items():
        os.symlink(f"/proc/self/{target}", f"/dev/{name}")


def give_up_rights(job: Job) -> None:
    """Drop user, capabilities and the environment; take the limits."""
    os.chdir(job.folder)
    if job.user is not None:
        os.setgroups([])
        os.setgid(job.user)
        os.setuid(job.user)
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    call("capset", header, (ctypes.c_uint32 * 6)())
    call("prctl", PR_SET_PDEATHSIG, SIGKILL)
    os.environ.clear()
    os.environ.update(HOME=job.folder, TMPDIR=job.folder, PATH="/usr/bin:/bin", LANG="C.UTF-8")
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, job.memory_bytes),
        (resource.RLIMIT_FSIZE, job.file_bytes),
        (resource.RLIMIT_NOFILE, job.open_files),
        (resource.RLIMIT_NPROC, job.process_count),
    ):
        resource.setrlimit(kind, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (job.cpu_seconds, job.cpu_seconds + 1))
    if job.filter:
        set_filter(bytes.fromhex(job.filter))


class Instructions(ctypes.Structure):
    """The kernel's `struct sock_fprog`."""

    _fields_ = (("count", ctypes.c_ushort), ("first", ctypes.c_char_p))


def set_filter(instructions: bytes) -> None:
    """Refuse the system calls that a filter names, from now on and in every process begun here."""
    program = Instructions(len(instructions) // BYTES_OF_INSTRUCTION, instructions)
    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)


def run(job: Job) -> None:
    """Run the program as a main module and report how it ended; does not return."""
    tell(ready=True)
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        exec(compile(job.program, "<program>", "exec"), module.__dict__)
    except MemoryError:
        tell(verdict="memory", detail="MemoryError")
    except BaseException as exc:
        detail = f"{type(exc).__name__}: {exc}".rstrip(": ")[:LONGEST_DETAIL]
        tell(verdict="failed", detail=detail)
    else:
        tell(verdict="passed", detail=os.read(WORD, 64).decode())
    os._exit(0)


def tell(**message: object) -> None:
    """One line on the report pipe."""
    os.write(REPORT, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
