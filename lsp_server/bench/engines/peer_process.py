"""Runs one engine in a process of its own, and times every token that it writes.

    python -m lsp_server.bench.engines.peer_process NAME BUNDLE FOLDER THREADS

With THREADS 0 it converts the bundle and ends. The first line that it writes is a `Hello`.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import IO

from lsp_server.bench.engines.peers import Peer, find_peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Whether the engine is there."""

    version: str = ""
    missing: str = ""
    """The import that failed, where the engine is not installed."""
    failed: str = ""
    """Why it cannot run this bundle."""


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """What to write."""

    ids: Sequence[int]
    count: int


@dataclass(frozen=True, slots=True)
class PeerText:
    """What was written."""

    tokens: Sequence[int]
    seconds: Sequence[float]
    """From the order to each token."""
    memory: int
    """Bytes of this process that are resident afterwards; 0 where the system does not tell."""
    steps: int
    """Runs of the model that the tokens came from."""


def main(arguments: Sequence[str]) -> None:
    """Prepare, or open and serve until the input ends."""
    name, bundle, folder, threads = arguments
    answers = private_output()
    try:
        kind = find_peer(name)
        if int(threads) == 0:
            kind.prepare(Path(bundle), Path(folder))
            return tell(answers, Hello())
        peer, version = kind.open(Path(bundle), Path(folder), int(threads))
    except ImportError as exc:
        return tell(answers, Hello(missing=one_line(exc)))
    except Exception as exc:  # whatever a peer raises is a row of the table
        return tell(answers, Hello(failed=f"{type(exc).__name__}: {one_line(exc)}"))
    tell(answers, Hello(version=version))
    for line in sys.stdin:
        tell(answers, carry_out(peer, PeerRequest(**json.loads(line))))
    return None


def private_output() -> IO[str]:
    """Standard output for the answers alone; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def tell(answers: IO[str], record: Hello | PeerText) -> None:
    """One line."""
    answers.write(json.dumps(asdict(record)) + "\n")
    answers.flush()


def carry_out(peer: Peer, order: PeerRequest) -> PeerText:
    """Let the peer write, and note when each token came."""
    tokens: list[int] = []
    seconds: list[float] = []

    def told(token: int) -> None:
        seconds.append(perf_counter() - start)
        tokens.append(token)

    start = perf_counter()
    steps = peer.write(order.ids, order.count, told)
    return PeerText(tokens, seconds, resident_bytes(), steps)


def resident_bytes() -> int:
    """Memory of this process as Linux counts it, its libraries included; elsewhere 0."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def one_line(error: Exception) -> str:
    """The error's message without line breaks."""
    return " ".join(str(error).split())


if __name__ == "__main__":
    main(sys.argv[1:])
