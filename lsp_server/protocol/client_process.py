"""Notices that the editor's process has ended, whoever still holds its pipes."""

import os
import select
import sys
from contextlib import suppress
from time import sleep

PAUSE = 2.0
"""Seconds between two looks, on systems that tell of an end in no other way."""
LARGEST = 0x7FFF_FFFF
SYNCHRONIZE, INFINITE = 0x0010_0000, 0xFFFF_FFFF


def wait_for_end(pid: int) -> None:
    """Return once the process has ended, or if there is none; ValueError for no such number."""
    if not 0 < pid <= LARGEST:
        raise ValueError(f"expected the number of a process, found {pid}")
    try:
        if sys.platform == "win32":
            wait_on_windows(pid)
        elif hasattr(select, "kqueue"):
            wait_by_queue(pid)
        else:
            wait_by_descriptor(pid)
    except ProcessLookupError:
        return


def wait_by_descriptor(pid: int) -> None:
    """Linux: a descriptor stands for this one process, also once its number is used again."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):  # an old kernel, or it is not allowed
        look_again_and_again(pid)
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
    finally:
        os.close(descriptor)


def look_again_and_again(pid: int) -> None:
    """Elsewhere; a parent that has ended is known by the process that took its place."""
    is_parent = os.getppid() == pid
    while not is_parent or os.getppid() == pid:
        with suppress(PermissionError):  # another user's
            os.kill(pid, 0)
        sleep(PAUSE)


def wait_by_queue(pid: int) -> None:
    """macOS and the BSDs."""
    if sys.platform != "linux" and sys.platform != "win32":
        queue = select.kqueue()
        try:
            ends = select.kevent(
                pid,
                filter=select.KQ_FILTER_PROC,
                flags=select.KQ_EV_ADD | select.KQ_EV_ONESHOT,
                fflags=select.KQ_NOTE_EXIT,
            )
            queue.control([ends], 1, None)
        finally:
            queue.close()


def wait_on_windows(pid: int) -> None:
    """Windows: a handle stands for this one process."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(SYNCHRONIZE, False, pid)
        if handle:
            kernel.WaitForSingleObject(handle, INFINITE)
            kernel.CloseHandle(handle)
