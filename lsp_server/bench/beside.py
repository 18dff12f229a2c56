"""Two replays of the same places: takes an earlier one's JSON and new records, gives what changed.

Paired: where a file is drawn for the interval, both replays' outcomes in it are.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lsp_server.bench.figures import Bootstrap, Rate
from lsp_server.bench.keystrokes import TypingTally
from lsp_server.bench.points import PointScore
from lsp_server.bench.replay import FilePlan, Records
from lsp_server.errors import BenchError

Outcome = TypeVar("Outcome")

Place = tuple[str, int]
"""A file's name and the line, counted from 1, of a point or of a block's start."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier replay came to, as `--json` wrote it."""

    path: Path
    points: Mapping[Place, PointScore]
    blocks: Mapping[Place, TypingTally]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A replay's figures less an earlier one's; None for what was not replayed now."""

    beside: str
    """The earlier one's file."""
    saved: Rate | None
    acceptance: Rate | None
    exact: Rate | None
    similarity: Rate | None
    won: int
    """Points that are exact now and were not."""
    lost: int
    """Points that were exact and are not now."""


def read_earlier(path: Path) -> Earlier:
    """The places and outcomes of a replay's JSON; BenchError for any other file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        points = {place_of(row): point_of(row) for row in found["points"]}
        blocks = {place_of(row): tally_of(row) for row in found["blocks"]}
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BenchError(
            f"expected what lory bench replay --json writes in {path}, found: {exc!r}"
        ) from exc
    return Earlier(path, points, blocks)


def place_of(row: Mapping[str, Any]) -> Place:
    """Where a row of the JSON was measured."""
    return row["file"], row["line"]


def point_of(row: Mapping[str, Any]) -> PointScore:
    """What a point's row says of the answer."""
    return PointScore(row["shown"], row["exact"], row["similarity"])


def tally_of(row: Mapping[str, Any]) -> TypingTally:
    """What a block's row says of its typing."""
    return TypingTally(row["characters"], row["saved"], row["shown"], row["taken"])


def check_places(earlier: Earlier, plans: Iterable[FilePlan]) -> None:
    """Raise BenchError where something is planned that the earlier replay had not, or less."""
    points: set[Place] = set()
    blocks: set[Place] = set()
    for plan in plans:
        points |= {(plan.file.name, point.line + 1) for point in plan.points}
        blocks |= {(plan.file.name, block.line + 1) for block in plan.blocks}
    modes = (("points", points, set(earlier.points)), ("blocks", blocks, set(earlier.blocks)))
    for name, planned, had in modes:
        if planned and planned != had:
            raise BenchError(
                f"expected the {len(planned)} {name} of this replay in {earlier.path}, found "
                f"{len(planned & had)} of them among {len(had)}; give both the same files, "
                "--seed, --points, --blocks and --max-files"
            )


def changes_since(earlier: Earlier, records: Records, bootstrap: Bootstrap) -> Changes:
    """What changed at the places of `records`, with 95 % intervals over files."""
    points = [
        (record.file, earlier.points[record.file, record.line], record.score)
        for record in records.points
    ]
    blocks = [
        (record.file, earlier.blocks[record.file, record.line], record.tally)
        for record in records.blocks
    ]
    return Changes(
        beside=str(earlier.path),
        saved=change(bootstrap, blocks, lambda tally: (tally.saved, tally.characters)),
        acceptance=change(bootstrap, blocks, lambda tally: (tally.taken, tally.shown)),
        exact=change(bootstrap, points, lambda score: (score.exact, 1)),
        similarity=change(bootstrap, points, lambda score: (score.similarity, 1)),
        won=sum(now.exact and not then.exact for _, then, now in points),
        lost=sum(then.exact and not now.exact for _, then, now in points),
    )


def change(
    bootstrap: Bootstrap,
    pairs: Sequence[tuple[str, Outcome, Outcome]],
    count: Callable[[Outcome], tuple[float, float]],
) -> Rate | None:
    """How a share changed, of (file, then, now) with `count`'s hits and cases; None of nothing."""
    if not pairs:
        return None
    then = [(file, *count(before)) for file, before, _ in pairs]
    now = [(file, *count(after)) for file, _, after in pairs]
    return bootstrap.change(then, now)
