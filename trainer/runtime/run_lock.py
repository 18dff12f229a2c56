"""Locks a run folder, so that two commands do not work in it at a time.

The system releases the lock however its process ends, so a lock is never stale. The holder's name
beside it may be; the next holder overwrites it.
"""

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lsp_server.contract.records import write_record
from trainer.errors import StageError

LOCK, HOLDER = ".lock", ".holder.json"


@contextmanager
def hold_run(run: Path) -> Iterator[None]:
    """Hold the folder `run`, which is made if need be; StageError where another process does."""
    from filelock import FileLock, Timeout

    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise StageError(
            f"expected {run} to be free, found {describe_holder(run)} at work in it; wait for its "
            "end, stop it, or give another --run"
        ) from exc
    try:
        write_record(run / HOLDER, own_record())
        yield
    finally:
        (run / HOLDER).unlink(missing_ok=True)
        lock.release()


def own_record() -> dict[str, str | int]:
    """What tells this process from others."""
    return {
        "process": os.getpid(),
        "machine": platform.node(),
        "command": " ".join(["lory-train", *sys.argv[1:]]),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def describe_holder(run: Path) -> str:
    """The process that holds the folder, in words."""
    try:
        told = json.loads((run / HOLDER).read_text(encoding="utf-8"))
        return (
            f"process {told['process']} on {told['machine']} ({told['command']}, "
            f"since {told['since']})"
        )
    except (OSError, ValueError, KeyError, TypeError):  # it has just come, or is about to go
        return "another process"
