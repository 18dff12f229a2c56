"""Computes the figures of gaps, and of faulty suggestions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lsp_server.bench.replay.gaps import GapScore
from lsp_server.bench.replay.records import GapRecord, Records
from lsp_server.bench.reporting.bootstrapping import Bootstrap, Counts, Rate
from lsp_server.bench.reporting.faults import Fault, FaultTally
from lsp_server.contract.intervals import wilson

Faults = Mapping[Fault, "FaultFigures"]


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """One kind of fault."""

    count: int
    cases: int
    """Suggestions shown with which it could occur."""
    share: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFigures:
    """The gaps, asked at in one way."""

    gaps: int
    shown: int
    """Gaps with a suggestion."""
    exact: Rate
    """First suggestion equal to what was cut out."""
    saved: Rate
    """Share of the characters cut out that the longest right suggestion has."""
    characters: int
    """Of those suggestions."""
    exact_in_line: Rate
    """Of the gaps in the middle of lines alone."""
    saved_in_line: Rate


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFigures:
    """Gaps and faults, while typing and when asked."""

    typing: GapFigures | None
    asked: GapFigures | None
    faults_typing: Faults
    """Of the distinct suggestions while blocks were typed, and of those at gaps as while typing."""
    faults_asked: Faults
    """Of all that was shown at gaps when asked."""


def place_figures(records: Records, bootstrap: Bootstrap) -> PlaceFigures:
    """The figures of all records."""
    gaps = records.gaps
    return PlaceFigures(
        typing=gap_figures(gaps, [gap.typing for gap in gaps], bootstrap) if gaps else None,
        asked=gap_figures(gaps, [gap.asked for gap in gaps], bootstrap) if gaps else None,
        faults_typing=fault_figures(typed_tallies(records), bootstrap),
        faults_asked=fault_figures(asked_tallies(records), bootstrap),
    )


def typed_tallies(records: Records) -> list[tuple[str, FaultTally]]:
    """File and faults of everything shown while typing."""
    blocks = [(block.file, block.tally.faults) for block in records.blocks]
    return [*blocks, *((gap.file, gap.typing.faults) for gap in records.gaps)]


def asked_tallies(records: Records) -> list[tuple[str, FaultTally]]:
    """File and faults of everything shown when asked."""
    return [(gap.file, gap.asked.faults) for gap in records.gaps]


def gap_figures(
    gaps: Sequence[GapRecord], scores: Sequence[GapScore], bootstrap: Bootstrap
) -> GapFigures:
    """The figures of one way of asking."""
    found = [(gap.file, score) for gap, score in zip(gaps, scores, strict=True)]
    in_line = [pair for gap, pair in zip(gaps, found, strict=True) if gap.kind.is_in_line]
    return GapFigures(
        gaps=len(gaps),
        shown=sum(bool(score.shown) for score in scores),
        exact=bootstrap.rate(exact_counts(found)),
        saved=bootstrap.rate(saved_counts(found)),
        characters=sum(score.saved for score in scores),
        exact_in_line=bootstrap.rate(exact_counts(in_line)),
        saved_in_line=bootstrap.rate(saved_counts(in_line)),
    )


def exact_counts(found: Iterable[tuple[str, GapScore]]) -> list[Counts]:
    """Exact first suggestions, by file."""
    return [(file, int(score.exact), 1) for file, score in found]


def saved_counts(found: Iterable[tuple[str, GapScore]]) -> list[Counts]:
    """Saved characters, by file."""
    return [(file, score.saved, score.characters) for file, score in found]


def fault_figures(tallies: Sequence[tuple[str, FaultTally]], bootstrap: Bootstrap) -> Faults:
    """Each kind's figures."""
    found = {}
    for fault in Fault:
        counts = fault_counts(tallies, fault)
        count = int(sum(faults for _, faults, _ in counts))
        cases = int(sum(possible for _, _, possible in counts))
        found[fault] = FaultFigures(count, cases, share_of(counts, count, cases, bootstrap))
    return found


def share_of(counts: Sequence[Counts], count: int, cases: int, bootstrap: Bootstrap) -> Rate:
    """The share over files; where all or none are faults, Wilson's, for files cannot differ."""
    if cases and count in (0, cases):
        return Rate(count / cases, *wilson(count / cases, cases))
    return bootstrap.rate(counts)


def fault_counts(tallies: Iterable[tuple[str, FaultTally]], fault: Fault) -> list[Counts]:
    """One kind's faults and cases, by file."""
    return [
        (file, found.faults.get(fault, 0), found.cases.get(fault, 0)) for file, found in tallies
    ]
