"""Computes a replay's rates, with intervals, and its latencies."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lsp_server.bench.client.editor import Reply, ReplyStatus
from lsp_server.bench.client.server_counters import Work
from lsp_server.bench.replay.records import BlockRecord, PointRecord, Records
from lsp_server.bench.reporting.bootstrapping import Bootstrap, Rate
from lsp_server.bench.reporting.gap_figures import PlaceFigures, place_figures
from lsp_server.contract.intervals import percentiles


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from sending a change to the answer; where none came, the timeout."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFigures:
    """What the points came to."""

    points: int
    exact: Rate
    """First suggestion equal to the rest of the line; a point without suggestion is not."""
    exact_when_shown: Rate
    similarity: float
    """Mean of 0 to 1 over all points; 0 at a point without suggestion."""
    shown: float
    """Share of the points with a suggestion."""
    latency: Latency
    errors: int
    """Requests that the server answered with an error."""
    timeouts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TypingFigures:
    """What the typing came to."""

    blocks: int
    characters: int
    """Of all blocks, without what the idealised editor indents."""
    saved: Rate
    """Share of them that came with suggestions; what the editor gives is not in it."""
    acceptance: Rate
    given: float
    """Share of the characters that the editor inserted itself."""
    keys: float
    """Keys pressed, moves and corrections too, for each character."""
    suggestions: int
    """Distinct ones shown."""
    taken: int
    requests: int
    answers_shown: float
    """Share of the requests whose answer showed anything."""
    latency: Latency
    errors: int
    timeouts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFigures:
    """What the server counted while blocks were typed; None where there was nothing to count."""

    from_memory: float | None
    """Share of the requests that were answered with the rest of an earlier suggestion."""
    quick_from_memory: float | None
    """Share of those answers that took at most 5 ms inside the server."""
    prompts: int
    """Read by the engine, cached or not."""
    short_prompts: float | None
    """Share of them of which at most 16 tokens had to be read."""
    tokens_per_step: float | None
    """Tokens written per run of the model that wrote them."""
    accepted: float | None
    """Share of the drafted tokens that the model would have written itself."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Both modes; None for one left out."""

    points: PointFigures | None
    typing: TypingFigures | None
    work: WorkFigures | None = None
    """None where the server does not tell."""
    places: PlaceFigures | None = None
    """Gaps, and what was wrong with suggestions."""


def compute_figures(records: Records, bootstrap: Bootstrap) -> Figures:
    """The figures of all records, with the bootstrap's intervals."""
    points = point_figures(records.points, bootstrap) if records.points else None
    typing = typing_figures(records.blocks, bootstrap) if records.blocks else None
    work = work_figures(records.work) if records.blocks and records.work else None
    return Figures(points, typing, work, place_figures(records, bootstrap))


def point_figures(records: Sequence[PointRecord], bootstrap: Bootstrap) -> PointFigures:
    """Figures of the points mode."""
    answers = [record.answer for record in records]
    outcomes = Counter(answer.outcome for answer in answers)
    exact = [(record.file, int(record.score.exact), 1) for record in records]
    shown = [(record.file, int(r.exact), int(r.shown)) for record in records if (r := record.score)]
    return PointFigures(
        points=len(records),
        exact=bootstrap.rate(exact),
        exact_when_shown=bootstrap.rate(shown),
        similarity=mean(record.score.similarity for record in records),
        shown=mean(record.score.shown for record in records),
        latency=latency_of(answers),
        errors=outcomes[ReplyStatus.ERROR],
        timeouts=outcomes[ReplyStatus.TIMEOUT],
    )


def typing_figures(records: Sequence[BlockRecord], bootstrap: Bootstrap) -> TypingFigures:
    """Figures of the typing mode."""
    answers = [answer for record in records for answer in record.answers]
    outcomes = Counter(answer.outcome for answer in answers)
    tallies = [record.tally for record in records]
    saved = [(record.file, record.tally.saved, record.tally.characters) for record in records]
    taken = [(record.file, record.tally.taken, record.tally.shown) for record in records]
    characters = sum(tally.characters for tally in tallies)
    return TypingFigures(
        blocks=len(records),
        characters=characters,
        saved=bootstrap.rate(saved),
        acceptance=bootstrap.rate(taken),
        given=sum(tally.given for tally in tallies) / characters,
        keys=sum(tally.keys for tally in tallies) / characters,
        suggestions=sum(tally.shown for tally in tallies),
        taken=sum(tally.taken for tally in tallies),
        requests=len(answers),
        answers_shown=mean(bool(answer.offers) for answer in answers),
        latency=latency_of(answers),
        errors=outcomes[ReplyStatus.ERROR],
        timeouts=outcomes[ReplyStatus.TIMEOUT],
    )


def work_figures(work: Work) -> WorkFigures:
    """Figures of what the server counted."""
    return WorkFigures(
        from_memory=share(work.from_memory, work.requests),
        quick_from_memory=share(work.quick_from_memory, work.from_memory),
        prompts=work.prompts,
        short_prompts=share(work.short_prompts, work.prompts),
        tokens_per_step=share(work.tokens, work.steps),
        accepted=share(work.accepted, work.drafted),
    )


def share(part: int, whole: int) -> float | None:
    """A ratio; None of nothing."""
    return part / whole if whole else None


def latency_of(answers: Sequence[Reply]) -> Latency:
    """Percentiles, linear between the two nearest answers."""
    return Latency(*percentiles((answer.seconds * 1000 for answer in answers), 0.5, 0.95, 0.99))


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean of at least one value."""
    return float(np.mean(list(values)))
