"""Describes the machine that a benchmark ran on."""

import os
import platform
from pathlib import Path
from typing import Any


def describe_machine() -> dict[str, Any]:
    """What the latencies depend on."""
    return {
        "platform": platform.platform(),
        "processor": processor_name(Path("/proc/cpuinfo")),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def processor_name(facts: Path) -> str:
    """The processor's model, from Linux's list of facts where there is one."""
    if facts.is_file():
        for line in facts.read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
