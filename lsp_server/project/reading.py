"""Reads one source file: takes its path, gives its text, or nothing where it is no such file.

Others write these files meanwhile: what was changed between its first byte and its last is read
again, and left out if it does not come to rest.
"""

import os
import stat
import time

LARGEST = 1_000_000
"""Bytes; larger files are data or were made by programs."""
ATTEMPTS = 3
TICK = 0.02
"""Seconds: changes that are closer to each other may bear the same time."""
FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)
"""Opening a pipe does not wait for a writer, and a link put in a file's place is not followed."""


def read_source(path: str) -> str | None:
    """The text of a regular file of at most LARGEST bytes of UTF-8 without zeros; else None."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        for _ in range(ATTEMPTS):
            found, at_rest = read_once(path)
            if found is None or at_rest:
                return None if found is None or b"\0" in found else found.decode("utf-8-sig")
            time.sleep(TICK)
    except (OSError, ValueError):  # gone, forbidden, or no UTF-8
        return None
    return None


def read_once(path: str) -> tuple[bytes | None, bool]:
    """A file's bytes, None if they are no source; and whether it kept still meanwhile."""
    descriptor = os.open(path, FLAGS)
    with open(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode) or before.st_size > LARGEST:
            return None, True
        data = bytearray()
        while len(data) <= LARGEST and (piece := file.read(LARGEST + 1 - len(data))):
            data += piece
        after = os.fstat(descriptor)
    same = before.st_mtime_ns == after.st_mtime_ns and before.st_size == after.st_size
    fresh = abs(time.time() - after.st_mtime) < TICK
    return bytes(data), same and len(data) == after.st_size and not fresh
