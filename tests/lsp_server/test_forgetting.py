"""What is excluded is found nowhere afterwards, in a process that holds nothing else.

A process that runs all tests holds millions of objects, and looking through them takes minutes.
"""

import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("forgetting_cases.py")


@pytest.mark.slow
def test_what_is_excluded_is_found_nowhere() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-20_000:]
    assert "6 passed" in done.stdout
