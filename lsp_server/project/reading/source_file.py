"""Reads one source file by its real path, or nothing where it is no such file.

Others write these files meanwhile: what was changed between its first byte and its last is read
again, and left out if it does not come to rest. A path was judged by its name, so no link is
followed on the way to the file, not in a folder's place either: what is opened is what was judged.
"""

import errno
import os
import stat
import time
from collections.abc import Callable

LARGEST = 1_000_000
"""Bytes; larger files are data or were made by programs."""
ATTEMPTS = 3
TICK = 0.02
"""Seconds: changes that are closer to each other may bear the same time."""
FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)
"""Opening a pipe does not wait for a writer, and a link put in a file's place is not followed."""
FOLDER_FLAGS = sum(
    getattr(os, name, 0) for name in ("O_PATH", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
)
"""Of a folder on the way: it need not be readable, where the system knows that."""
BY_FOLDERS = os.open in os.supports_dir_fd


Judge = Callable[[os.stat_result], bool]
"""Whether a file that has been opened may be read."""


def read_source(path: str, may_read: Judge = lambda status: True) -> str | None:
    """The text of a regular file of at most LARGEST bytes of UTF-8 without zeros; else None."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        for _ in range(ATTEMPTS):
            found, at_rest = read_once(path, may_read)
            if found is None or at_rest:
                return None if found is None or b"\0" in found else found.decode("utf-8-sig")
            time.sleep(TICK)
    except (OSError, ValueError):  # gone, forbidden, or no UTF-8
        return None
    return None


def open_real(path: str) -> int:
    """A descriptor of the file at a real path; OSError where a link stands anywhere in it."""
    if not BY_FOLDERS:
        descriptor = os.open(path, FLAGS)
        if same_file(descriptor, path):
            return descriptor
        os.close(descriptor)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    *folders, name = path.strip("/").split("/")
    at = os.open("/", FOLDER_FLAGS)
    try:
        for folder in folders:
            below = os.open(folder, FOLDER_FLAGS, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, FLAGS, dir_fd=at)
    finally:
        os.close(at)


def same_file(descriptor: int, path: str) -> bool:
    """Whether what was opened still lies at a path without links."""
    real = os.path.realpath(path)
    return os.path.normcase(real) == os.path.normcase(os.path.normpath(path)) and (
        os.path.samestat(os.fstat(descriptor), os.lstat(real))
    )


def read_once(path: str, may_read: Judge) -> tuple[bytes | None, bool]:
    """A file's bytes, None if they are no source; and whether it kept still meanwhile."""
    descriptor = open_real(path)
    with open(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        if not (stat.S_ISREG(before.st_mode) and before.st_size <= LARGEST and may_read(before)):
            return None, True
        data = bytearray()
        while len(data) <= LARGEST and (piece := file.read(LARGEST + 1 - len(data))):
            data += piece
        after = os.fstat(descriptor)
    same = before.st_mtime_ns == after.st_mtime_ns and before.st_size == after.st_size
    fresh = abs(time.time() - after.st_mtime) < TICK
    return bytes(data), same and len(data) == after.st_size and not fresh
