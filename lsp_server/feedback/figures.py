"""Sums up feedback: acceptance and characters saved, by day and language.

Only suggestions that were on show count. One is accepted where all, a line or a word of it was.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lsp_server.contract.intervals import percentiles, wilson

ACCEPTED = frozenset(("whole", "line", "word"))
"""Outcomes by which a suggestion was accepted."""

DatabaseRow = Mapping[str, Any]
"""Columns of the database by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of a set of suggestions."""

    shown: int
    accepted: int
    acceptance: float
    """Share of those shown, 0..1; 0 without any."""
    low: float
    """Of the share's 95 % interval: Wilson's (1927), which takes suggestions as independent."""
    high: float
    saved_characters: int
    """Accepted and so not typed."""
    retained: float | None
    """Share of the accepted characters that still stood there later; None where none is known."""
    latency_p50: float
    """Milliseconds inside the server."""
    latency_p95: float


def figures_of(rows: Sequence[DatabaseRow]) -> Figures:
    """The figures of suggestions."""
    shown = [row for row in rows if row["shown"]]
    taken = [row for row in shown if row["outcome"] in ACCEPTED]
    known = [row for row in taken if row["retained_characters"] is not None]
    written = sum(row["accepted_characters"] for row in known)
    left = sum(row["retained_characters"] for row in known)
    acceptance = len(taken) / len(shown) if shown else 0.0
    low, high = wilson(acceptance, len(shown)) if shown else (0.0, 1.0)
    p50, p95 = percentiles((row["latency_ms"] for row in shown), 0.5, 0.95)
    return Figures(
        shown=len(shown),
        accepted=len(taken),
        acceptance=acceptance,
        low=low,
        high=high,
        saved_characters=sum(row["accepted_characters"] for row in taken),
        retained=left / written if written else None,
        latency_p50=p50,
        latency_p95=p95,
    )


def by_day(rows: Iterable[DatabaseRow]) -> dict[str, Figures]:
    """The figures of each day, local time, the earliest first."""
    return dict(sorted(grouped(rows, day_of).items()))


def by_language(rows: Iterable[DatabaseRow]) -> dict[str, Figures]:
    """The figures of each language, the most used first."""
    found = grouped(rows, lambda row: str(row["language"]))
    return dict(sorted(found.items(), key=lambda item: -item[1].shown))


def grouped(rows: Iterable[DatabaseRow], key: Callable[[DatabaseRow], str]) -> dict[str, Figures]:
    """Figures of the rows that a key puts together."""
    groups: dict[str, list[DatabaseRow]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {name: figures_of(group) for name, group in groups.items()}


def day_of(row: DatabaseRow) -> str:
    """The day on which a suggestion was offered, such as 2026-11-25."""
    return datetime.fromtimestamp(row["time"], UTC).astimezone().date().isoformat()
