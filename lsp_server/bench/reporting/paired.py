"""Compares two replays of the same places, and says what changed.

The comparison is paired: the bootstrap draws a file with the outcomes of both replays.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from lsp_server.bench.editors.keystrokes import TypingTally
from lsp_server.bench.replay.gaps import GapKind, GapScore
from lsp_server.bench.replay.plans import FilePlan
from lsp_server.bench.replay.points import PointScore
from lsp_server.bench.replay.records import Records
from lsp_server.bench.reporting.bootstrapping import Bootstrap, Rate
from lsp_server.bench.reporting.faults import Fault, FaultTally
from lsp_server.errors import BenchError

Result = TypeVar("Result")
Pairs = Sequence[tuple[str, Result, Result]]
"""File, and the same place's outcomes then and now."""

LineKey = tuple[str, int]
"""A file's name and the line, counted from 1, of a point or of a block's start."""
GapKey = tuple[str, int, GapKind]
"""The same and the gap's kind."""
GapScores = tuple[GapScore, GapScore]
"""As while typing, and when asked."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What another replay came to."""

    name: str
    points: Mapping[LineKey, PointScore]
    blocks: Mapping[LineKey, TypingTally]
    gaps: Mapping[GapKey, GapScores]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """A replay's figures less another one's; None for what was not replayed now."""

    beside: str
    """The other one's name, of a file if it is an earlier one."""
    saved: Rate | None
    acceptance: Rate | None
    exact: Rate | None
    similarity: Rate | None
    won: int
    """Points that are exact now and were not."""
    lost: int
    """Points that were exact and are not now."""
    saved_typing: Rate | None
    """At gaps, as while typing."""
    saved_asked: Rate | None
    """At gaps, when asked."""
    saved_relative: float | None
    """Characters saved at gaps when asked, less the other one's, as a share of those."""
    faults_typing: Mapping[Fault, Rate]
    faults_asked: Mapping[Fault, Rate]


def read_earlier(path: Path) -> Earlier:
    """The places and outcomes of a replay's JSON; BenchError for any other file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        points = {place_of(row): point_of(row) for row in found["points"]}
        blocks = {place_of(row): tally_of(row) for row in found["blocks"]}
        gaps = {
            (row["file"], row["line"], GapKind(row["kind"])): (
                gap_of(row["typing"]),
                gap_of(row["asked"]),
            )
            for row in found["gaps"]
        }
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BenchError(
            f"expected what lory bench replay --json writes in {path}, found: {exc!r}"
        ) from exc
    return Earlier(str(path), points, blocks, gaps)


def earlier_of(name: str, records: Records) -> Earlier:
    """Records to compare others with."""
    return Earlier(
        name,
        {(record.file, record.line): record.score for record in records.points},
        {(record.file, record.line): record.tally for record in records.blocks},
        {(gap.file, gap.line, gap.kind): (gap.typing, gap.asked) for gap in records.gaps},
    )


def place_of(row: Mapping[str, Any]) -> LineKey:
    """Where a row of the JSON was measured."""
    return row["file"], row["line"]


def point_of(row: Mapping[str, Any]) -> PointScore:
    """What a point's row says of the answer."""
    return PointScore(row["shown"], row["exact"], row["similarity"])


def tally_of(row: Mapping[str, Any]) -> TypingTally:
    """What a block's row says of its typing."""
    names = ("characters", "saved", "shown", "taken", "keys", "given")
    return TypingTally(faults=faults_of(row["faults"]), **{name: row[name] for name in names})


def gap_of(row: Mapping[str, Any]) -> GapScore:
    """What a gap's row says of one way of asking."""
    names = ("shown", "exact", "saved", "characters")
    return GapScore(faults=faults_of(row["faults"]), **{name: row[name] for name in names})


def faults_of(row: Mapping[str, Any]) -> FaultTally:
    """What a row says of its suggestions' faults."""
    cases, faults = (
        {Fault(name): count for name, count in row[part].items()} for part in ("cases", "faults")
    )
    return FaultTally(cases, faults)


def check_places(earlier: Earlier, plans: Iterable[FilePlan]) -> None:
    """Raise BenchError where something is planned that the earlier replay had not, or less."""
    known = list(plans)
    planned: list[tuple[str, set[object], set[object]]] = [
        (
            "points",
            {(plan.file.name, point.line + 1) for plan in known for point in plan.points},
            set(earlier.points),
        ),
        (
            "blocks",
            {(plan.file.name, block.line + 1) for plan in known for block in plan.blocks},
            set(earlier.blocks),
        ),
        (
            "gaps",
            {(plan.file.name, gap.line + 1, gap.kind) for plan in known for gap in plan.gaps},
            set(earlier.gaps),
        ),
    ]
    for name, wanted, had in planned:
        if wanted and wanted != had:
            raise BenchError(
                f"expected the {len(wanted)} {name} of this replay in {earlier.name}, found "
                f"{len(wanted & had)} of them among {len(had)}; give both the same files, "
                "--seed, --points, --blocks, --gaps and --max-files"
            )


def changes_since(earlier: Earlier, records: Records, bootstrap: Bootstrap) -> Changes:
    """What changed at the places of `records`, with 95 % intervals over files."""
    points: Pairs[PointScore] = [
        (record.file, earlier.points[record.file, record.line], record.score)
        for record in records.points
    ]
    blocks: Pairs[TypingTally] = [
        (record.file, earlier.blocks[record.file, record.line], record.tally)
        for record in records.blocks
    ]
    typing, asked = gap_pairs(earlier, records)
    typed_faults = [(file, then.faults, now.faults) for file, then, now in blocks]
    return Changes(
        beside=earlier.name,
        saved=change(bootstrap, blocks, lambda tally: (tally.saved, tally.characters)),
        acceptance=change(bootstrap, blocks, lambda tally: (tally.taken, tally.shown)),
        exact=change(bootstrap, points, lambda score: (score.exact, 1)),
        similarity=change(bootstrap, points, lambda score: (score.similarity, 1)),
        won=sum(now.exact and not then.exact for _, then, now in points),
        lost=sum(then.exact and not now.exact for _, then, now in points),
        saved_typing=change(bootstrap, typing, lambda score: (score.saved, score.characters)),
        saved_asked=change(bootstrap, asked, lambda score: (score.saved, score.characters)),
        saved_relative=relative(asked),
        faults_typing=fault_changes(bootstrap, [*typed_faults, *faults_at(typing)]),
        faults_asked=fault_changes(bootstrap, faults_at(asked)),
    )


def gap_pairs(earlier: Earlier, records: Records) -> tuple[Pairs[GapScore], Pairs[GapScore]]:
    """The gaps' outcomes, as while typing and when asked."""
    found = [(gap.file, earlier.gaps[gap.file, gap.line, gap.kind], gap) for gap in records.gaps]
    typing = [(file, then[0], now.typing) for file, then, now in found]
    return typing, [(file, then[1], now.asked) for file, then, now in found]


def faults_at(gaps: Pairs[GapScore]) -> list[tuple[str, FaultTally, FaultTally]]:
    """The gaps' faults, then and now."""
    return [(file, then.faults, now.faults) for file, then, now in gaps]


def fault_changes(bootstrap: Bootstrap, pairs: Pairs[FaultTally]) -> dict[Fault, Rate]:
    """How the share of each kind of fault has changed."""
    found = {}
    for fault in Fault:
        if (rate := change(bootstrap, pairs, partial(counts_of, fault))) is not None:
            found[fault] = rate
    return found


def counts_of(fault: Fault, tally: FaultTally) -> tuple[float, float]:
    """One kind's faults and cases."""
    return tally.faults.get(fault, 0), tally.cases.get(fault, 0)


def relative(pairs: Pairs[GapScore]) -> float | None:
    """How many more characters are saved now, as a share of those then; None without any."""
    before = sum(then.saved for _, then, _ in pairs)
    return sum(now.saved for _, _, now in pairs) / before - 1 if before else None


def change(
    bootstrap: Bootstrap, pairs: Pairs[Result], count: Callable[[Result], tuple[float, float]]
) -> Rate | None:
    """How a share changed, of (file, then, now) with `count`'s hits and cases; None of nothing."""
    if not pairs:
        return None
    then = [(file, *count(before)) for file, before, _ in pairs]
    now = [(file, *count(after)) for file, _, after in pairs]
    return bootstrap.change(then, now)
