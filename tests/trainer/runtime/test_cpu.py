"""The process's settings: freed memory stays, and the precision is the faster one."""

import subprocess
import sys

import pytest

from trainer.runtime import cpu as processor

COUNT_FAULTS = """
import resource, sys
import numpy as np
from trainer.runtime.cpu import prepare_process
if sys.argv[1] == "prepared":
    prepare_process()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**24, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


def count_faults(how: str) -> int:
    """Page faults of a 64 MiB array where one of that size was made and freed before."""
    command = [sys.executable, "-c", COUNT_FAULTS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's mallopt")
def test_a_freed_array_costs_no_page_faults_when_the_next_one_is_made() -> None:
    assert count_faults("as it started") >= 32  # 64 MiB, in huge pages of 2 MiB at best
    assert count_faults("prepared") < 20


@pytest.mark.parametrize(("bf16_seconds", "expected"), [(1.0, "bf16"), (3.0, "fp32")])
def test_the_precision_is_the_one_whose_product_took_less_time(
    monkeypatch: pytest.MonkeyPatch, bf16_seconds: float, expected: str
) -> None:
    times = iter([2.0, bf16_seconds])
    monkeypatch.setattr(processor, "best_seconds", lambda _work: next(times))
    assert processor.fastest_precision() == expected


def test_a_product_is_timed_by_its_shortest_run() -> None:
    runs = []
    assert 0 < processor.best_seconds(lambda: runs.append(1)) < 0.1
    assert len(runs) == 1 + processor.PROBES
