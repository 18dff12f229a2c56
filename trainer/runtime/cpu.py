"""Prepares a process for training on CPUs: threads and memory.

Read about `mallopt` in glibc's manual, "Malloc Tunable Parameters".
"""

import ctypes
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

Precision = Literal["bf16", "fp32"]

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
"""Numbers of glibc's parameters, from its malloc.h."""

PAD_BYTES = 256 * 2**20
"""The heap grows by this much more than was asked for."""

PROBE_ROWS, PROBE_WIDTH = 4096, 256
"""Shape of the matrix products that `fastest_precision` times."""

PROBES = 5


def prepare_process() -> None:
    """Have threads sleep while they wait, and keep freed memory for the next tensor.

    Call it before torch is imported. Waiting threads that spin cost several times the speed as soon
    as anything else uses a core. A tensor that is freed goes back to the system by default and
    costs a page fault for every 4 KiB when the next one is made: a third of a training step.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch loads its threads
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is None:  # another C library than glibc, with habits of its own
        return
    mallopt(MMAP_MAX, 0)
    mallopt(TRIM_THRESHOLD, -1)
    mallopt(TOP_PAD, PAD_BYTES)


def autocast(device_type: str, precision: str) -> AbstractContextManager[Any]:
    """A fresh context in which matrix products run in a Precision."""
    import torch

    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device_type, torch.bfloat16)


def fastest_precision() -> Precision:
    """In which this processor multiplies matrices faster, by a timing of a few milliseconds.

    bf16 is four times as fast as fp32 where its instructions are whole (AMX, AMD's Zen 5), and half
    as fast on others, whatever their list of instructions says.
    """
    import torch

    rows = torch.ones(PROBE_ROWS, PROBE_WIDTH)
    matrix = torch.ones(PROBE_WIDTH, 4 * PROBE_WIDTH)
    rows_bf16, matrix_bf16 = rows.bfloat16(), matrix.bfloat16()
    wide = best_seconds(lambda: rows @ matrix)
    narrow = best_seconds(lambda: rows_bf16 @ matrix_bf16)
    return "bf16" if narrow < wide else "fp32"


def best_seconds(work: Callable[[], object]) -> float:
    """The shortest of several runs, after one that warms up; the noise of a machine only adds."""
    seconds = []
    work()
    for _ in range(PROBES):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
