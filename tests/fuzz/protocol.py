"""Fuzzes the protocol of a real server: `python -m tests.fuzz.protocol --messages N --seeds N`.

Every request must be answered exactly once, the server must not die before its farewell, must be
gone soon after every kind of it, and must stay small.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.fuzz.messages import Generator
from tests.fuzz.session import FuzzedSession, FuzzError, overload, seeded

GONE_WITHIN = 2.0
"""Seconds from a farewell to the end; on a machine that has other work, as many times as long."""
MEGABYTES = 500.0
LENGTHS = (1, 30, 300, 1_000, 3_000)
"""Messages of a session."""
SOURCE = """import os


def read(name: str) -> str:
    with open(name) as file:
        return file.read()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one session came to."""

    messages: int
    requests: int
    megabytes: float
    farewell: str
    gone_after: float
    cut_short: int
    """Requests that it had no time to answer once the client had gone."""
    followed: bool
    """Whether the project was seen to be followed at the end."""


def fuzz(seed: int, messages: int, folder: Path) -> Iterator[Figures]:
    """Sessions of one seed, until so many messages were sent; FuzzError if something is wrong."""
    project = folder / "project"
    project.mkdir(exist_ok=True)
    for number in range(20):
        (project / f"module{number}.py").write_text(SOURCE.replace("name", f"name{number}"))
    sent = session = 0
    while sent < messages:
        rng = seeded(seed, session)
        length = min(rng.choice(LENGTHS), messages - sent)
        fuzzed = FuzzedSession(Generator(rng), project, {"threads": 1})
        try:
            fuzzed.run(length)
            check_limits(fuzzed)
        except FuzzError as exc:
            path = folder / f"seed{seed}-session{session}.log"
            path.write_bytes(b"\n".join(fuzzed.sent))
            raise FuzzError(f"seed {seed}, session {session}: {exc}; messages: {path}") from exc
        yield Figures(
            messages=length,
            requests=sum(fuzzed.expected.values()),
            megabytes=fuzzed.megabytes,
            farewell=fuzzed.farewell,
            gone_after=fuzzed.gone_after,
            cut_short=fuzzed.cut_short,
            followed=fuzzed.followed,
        )
        sent += length
        session += 1


def check_limits(fuzzed: FuzzedSession) -> None:
    """Raise FuzzError where a server was too large, or too slow to go."""
    if fuzzed.gone_after > GONE_WITHIN * overload():
        raise FuzzError(f"{fuzzed.farewell}: gone after {fuzzed.gone_after:.1f} s")
    if fuzzed.megabytes > MEGABYTES:
        raise FuzzError(f"{fuzzed.megabytes:.0f} MB")


def describe(found: list[Figures], seconds: float) -> str:
    """One line of figures."""
    farewells = Counter(figures.farewell for figures in found)
    return (
        f"{sum(f.messages for f in found):,} messages, "
        f"{sum(f.requests for f in found):,} requests "
        f"each answered once but {sum(f.cut_short for f in found)} that farewells on a busy "
        f"machine cut short, {len(found)} sessions, "
        f"project followed in {sum(f.followed for f in found)}, "
        f"peak {max(f.megabytes for f in found):.0f} MB, "
        f"gone after {max(f.gone_after for f in found):.2f} s at most, {seconds:.0f} s; "
        + ", ".join(f"{name} {count}" for name, count in sorted(farewells.items()))
    )


def main() -> int:
    """Run seeds one after another; the exit code is how many went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="of all seeds together")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    found: list[Figures] = []
    faults, begun = 0, monotonic()
    for seed in range(given.first, given.first + given.seeds):
        folder = Path(tempfile.mkdtemp(prefix=f"lory-fuzz-{seed}-"))
        try:
            found.extend(fuzz(seed, given.messages // given.seeds, folder))
        except FuzzError as exc:
            faults += 1
            sys.stdout.write(f"FAULT {exc}\n")
        if found:
            sys.stdout.write(f"seed {seed}: {describe(found, monotonic() - begun)}\n")
        sys.stdout.flush()
    return faults


if __name__ == "__main__":
    sys.exit(main())
