"""The records of a replay, one for each place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lsp_server.bench.client.editor import Reply
from lsp_server.bench.client.handshake import ServerFacts
from lsp_server.bench.client.server_counters import Work
from lsp_server.bench.commits.examples import Examples
from lsp_server.bench.editors.keystrokes import TypingTally
from lsp_server.bench.replay.gaps import GapKind, GapScore
from lsp_server.bench.replay.points import PointScore


@dataclass(frozen=True, slots=True)
class PointRecord:
    """One point's outcome."""

    file: str
    line: int
    score: PointScore
    answer: Reply


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One block's outcome."""

    file: str
    line: int
    tally: TypingTally
    answers: tuple[Reply, ...]
    """One for each time the server was asked."""
    examples: Examples = field(default_factory=Examples)
    """Of what a commit added."""


@dataclass(frozen=True, slots=True)
class GapRecord:
    """One gap's outcome, asked for in both ways."""

    file: str
    line: int
    kind: GapKind
    typing: GapScore
    """Of a request as an editor sends it while one types."""
    asked: GapScore
    """Of an explicit one."""


@dataclass(frozen=True, slots=True)
class Records:
    """Everything that was measured."""

    server: ServerFacts
    model: str
    """What the server says that it has loaded; "" where it says nothing."""
    points: tuple[PointRecord, ...]
    blocks: tuple[BlockRecord, ...]
    work: Work | None = None
    """What the server did while the blocks were typed; None where it does not tell."""
    gaps: tuple[GapRecord, ...] = ()


def joined(parts: Sequence[Records]) -> Records:
    """The records of several workspaces."""
    return Records(
        server=parts[-1].server,
        model=parts[-1].model,
        points=tuple(record for part in parts for record in part.points),
        blocks=tuple(record for part in parts for record in part.blocks),
        work=sum_work(part.work for part in parts),
        gaps=tuple(record for part in parts for record in part.gaps),
    )


def sum_work(parts: Iterable[Work | None]) -> Work | None:
    """The work of all parts; None where one of them is not known."""
    known = list(parts)
    told = [part for part in known if part is not None]
    return sum(told, Work()) if len(told) == len(known) else None
