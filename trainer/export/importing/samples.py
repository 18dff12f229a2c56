"""Code that an import is tried on: Python's standard library, which is on every machine."""

import sysconfig
from collections.abc import Iterable
from pathlib import Path

PROVEN = ("heapq.py", "textwrap.py", "shlex.py")
"""Modules whose beginnings the gate reads."""
EVENED = ("csv.py", "dataclasses.py", "json/decoder.py", "asyncio/tasks.py", "unittest/mock.py")
"""Others, whose beginnings tell which channels of a network are large."""


def proven_texts() -> list[str]:
    """What the gate reads; the same on all machines with the same Python."""
    return read_modules(PROVEN)


def evened_texts() -> list[str]:
    """What a network reads before it is rounded."""
    return read_modules(EVENED)


def read_modules(names: Iterable[str]) -> list[str]:
    """Modules of the standard library."""
    folder = Path(sysconfig.get_path("stdlib"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def counted_texts(most: int = 400) -> list[str]:
    """What tells which tokens code needs."""
    folder = Path(sysconfig.get_path("stdlib"))
    paths = [*sorted(folder.glob("*.py")), *sorted(folder.glob("[a-z]*/*.py"))]
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths[:most]]
