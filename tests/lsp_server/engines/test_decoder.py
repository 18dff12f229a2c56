"""The decoder's buffers, with the shipped graph."""

import ctypes
import platform
import subprocess
import sys
from tracemalloc import get_traced_memory as traced_memory
from tracemalloc import start as start_tracing
from tracemalloc import stop as stop_tracing

import numpy as np
import pytest

from lsp_server.contract.bundles.bundle import load
from lsp_server.engines.decoder import OnnxDecoder, open_session, return_freed_memory
from lsp_server.settings import Settings


def test_calls_of_every_size_share_their_memory() -> None:
    decoder = OnnxDecoder(open_session(load(Settings().bundle_folder).model_path, threads=1))
    sizes = [
        (tokens, wanted) for tokens in range(1, 65, 4) for wanted in range(1, min(tokens, 9) + 1)
    ]
    for slot in range(2):
        decoder.forward([1], 0, 1, slot)
    expected = [decoder.forward([1] * tokens, 0, wanted).copy() for tokens, wanted in sizes[:40]]
    start_tracing()
    for slot in range(2):
        for tokens, wanted in sizes:
            decoder.forward([1] * tokens, 0, wanted, slot)
    kept, _ = traced_memory()
    stop_tracing()
    rows = 2 * sum(wanted for _, wanted in sizes)
    assert kept < rows * 4 * decoder.vocabulary / 4
    again = [decoder.forward([1] * tokens, 0, wanted).copy() for tokens, wanted in sizes[:40]]
    assert all(np.array_equal(*pair) for pair in zip(expected, again, strict=True))


FREED = """
from lsp_server.engines.decoder import return_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

kept = [bytes(60_000) for _ in range(4_000)]
pin = kept.pop()
del kept
before = resident()
return_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone keeps freed memory")
def test_memory_that_was_freed_goes_back_to_the_system() -> None:
    run = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 150_000_000


def test_a_system_without_such_a_call_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    return_freed_memory()
