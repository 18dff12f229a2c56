"""Code that an import is tried on: Python's standard library, which is on every machine."""

import sysconfig
from pathlib import Path

PROVEN = ("heapq.py", "textwrap.py", "shlex.py")
"""Modules whose beginnings the gate reads."""


def proven_texts() -> list[str]:
    """What the gate reads; the same on all machines with the same Python."""
    folder = Path(sysconfig.get_path("stdlib"))
    return [(folder / name).read_text(encoding="utf-8") for name in PROVEN]


def counted_texts(most: int = 400) -> list[str]:
    """What tells which tokens code needs."""
    folder = Path(sysconfig.get_path("stdlib"))
    paths = [*sorted(folder.glob("*.py")), *sorted(folder.glob("[a-z]*/*.py"))]
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths[:most]]
