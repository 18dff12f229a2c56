"""What feedback comes to: takes rows, gives figures in all, for each day and each language.

Only suggestions that were on show count. One is accepted where all, a line or a word of it was.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from typing import Any

ACCEPTED = frozenset(("whole", "line", "word"))
"""Outcomes by which a suggestion was accepted."""
Z = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""

Row = Mapping[str, Any]
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


def figures_of(rows: Sequence[Row]) -> Figures:
    """The figures of suggestions."""
    shown = [row for row in rows if row["shown"]]
    taken = [row for row in shown if row["outcome"] in ACCEPTED]
    known = [row for row in taken if row["retained_characters"] is not None]
    written = sum(row["accepted_characters"] for row in known)
    left = sum(row["retained_characters"] for row in known)
    low, high = wilson(len(taken), len(shown))
    latencies = sorted(row["latency_ms"] for row in shown)
    return Figures(
        shown=len(shown),
        accepted=len(taken),
        acceptance=len(taken) / len(shown) if shown else 0.0,
        low=low,
        high=high,
        saved_characters=sum(row["accepted_characters"] for row in taken),
        retained=left / written if written else None,
        latency_p50=quantile(latencies, 0.5),
        latency_p95=quantile(latencies, 0.95),
    )


def by_day(rows: Iterable[Row]) -> dict[str, Figures]:
    """The figures of each day, local time, the earliest first."""
    return dict(sorted(grouped(rows, day_of).items()))


def by_language(rows: Iterable[Row]) -> dict[str, Figures]:
    """The figures of each language, the most used first."""
    found = grouped(rows, lambda row: str(row["language"]))
    return dict(sorted(found.items(), key=lambda item: -item[1].shown))


def grouped(rows: Iterable[Row], key: Callable[[Row], str]) -> dict[str, Figures]:
    """Figures of the rows that a key puts together."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {name: figures_of(group) for name, group in groups.items()}


def day_of(row: Row) -> str:
    """The day on which a suggestion was offered, such as 2026-11-25."""
    return datetime.fromtimestamp(row["time"], UTC).astimezone().date().isoformat()


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a share; 0 to 1 without a trial."""
    if not trials:
        return 0.0, 1.0
    share = successes / trials
    centre = share + Z * Z / (2 * trials)
    spread = Z * sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials))
    scale = 1 + Z * Z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of sorted values does not exceed; 0 without any."""
    if not values:
        return 0.0
    return values[min(len(values) - 1, int(share * len(values)))]
