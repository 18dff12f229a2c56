"""Starts the server's process with pipes, and makes sure that it ends."""

import mmap
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from lsp_server.errors import BenchError

PATIENCE_AT_END = 2.0
"""Seconds for each step of closing: shutdown's answer, exit, termination."""


def start_process(
    command: Sequence[str], cwd: Path, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    """The server's process with piped streams; BenchError where it cannot be started."""
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            list(command), cwd=cwd, env=environment, stdin=pipe, stdout=pipe, stderr=pipe
        )
    except OSError as exc:
        raise BenchError(
            f"expected a command that starts a language server, found {' '.join(command)!r}: "
            f"{exc}; check --server"
        ) from exc


def end_process(process: subprocess.Popen[bytes]) -> int:
    """Waits for the process, then asks it to go, then makes it go; gives its exit code."""
    for next_step in (process.terminate, process.kill):
        try:
            return process.wait(PATIENCE_AT_END)
        except subprocess.TimeoutExpired:
            next_step()
    return process.wait()


def close_quietly(stream: IO[bytes]) -> None:
    """Closes a pipe whose other end may be gone with unwritten bytes left."""
    try:
        stream.close()
    except OSError:
        return


def resident_megabytes(process: int) -> float | None:
    """Resident memory of a process (by its id) in MB of 2**20; None where Linux does not tell."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * mmap.PAGESIZE / 2**20


def processor_seconds(process: int) -> float | None:
    """Processor time that a process (by its id) has used; None where Linux does not tell."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
