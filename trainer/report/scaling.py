"""Estimates from finished runs what more training would bring.

Bits per byte are fitted by floor + factor * tokens^-exponent (Kaplan et al. 2020, Hoffmann et al.
2022), by least squares. Each run has to have ended its own schedule: what one run measured on the
way, at a rate that had not fallen yet, lies above the curve.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.errors import StageError
from trainer.report.figures import Figure, Panel, Series
from trainer.report.run_files import number, read_json
from trainer.report.sections import Section, Table

FEWEST = 3
"""Runs that determine a curve of three numbers."""

FLOORS = 400
"""Floors tried between 0 and the best run's bits."""

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Point:
    """One finished run."""

    name: str
    tokens: int
    """With those that the bundle had seen which it began with."""
    seconds: float
    bits: float
    seen_tokens: int = 0
    """Of the tokens, those that the bundle had seen."""

    @property
    def speed(self) -> float:
        """Tokens a second."""
        return (self.tokens - self.seen_tokens) / self.seconds


@dataclass(frozen=True, slots=True)
class Curve:
    """Bits per byte by tokens trained on."""

    floor: float
    factor: float
    exponent: float

    def at(self, tokens: float) -> float:
        """Bits per byte after so many tokens."""
        return self.floor + self.factor * math.exp(-self.exponent * math.log(tokens))

    def beyond(self, point: Point, tokens: float) -> float:
        """Bits per byte after so many tokens, as the curve falls from a run's own bits."""
        return point.bits + self.at(tokens) - self.at(point.tokens)


def read_points(runs: Sequence[Path]) -> list[Point]:
    """The runs by their tokens, fewest first.

    Raises StageError for a run that has not ended pretraining, and for fewer than three.
    """
    points = []
    for run in runs:
        found = read_json(run / "pretrain" / "training.json")
        if not found:
            raise StageError(
                f"report: expected a run that has ended pretraining, found no training.json in "
                f"{run / 'pretrain'}; finish it first: lory-train pretrain --run {run}"
            )
        bits, name = found["bits_per_byte"], run.resolve().name
        seen = found.get("seen_tokens", 0)
        points.append(Point(name, seen + found["tokens"], found["seconds"], bits, seen))
    if len({point.tokens for point in points}) < FEWEST:
        raise StageError(
            f"report: expected {FEWEST} runs or more that trained for different lengths, found "
            f"{len(points)}; name others with --beside"
        )
    return sorted(points, key=lambda point: point.tokens)


def fit(points: Sequence[Point]) -> Curve:
    """The curve nearest to the points: a straight line of logarithms for each floor tried."""
    tokens = np.log([point.tokens for point in points])
    bits = np.array([point.bits for point in points])
    found: list[tuple[float, Curve]] = []
    for floor in np.linspace(0.0, float(bits.min()), FLOORS, endpoint=False):
        slope, height = np.polyfit(tokens, np.log(bits - floor), 1)
        curve = Curve(float(floor), float(np.exp(height)), float(-slope))
        off = sum((curve.at(point.tokens) - point.bits) ** 2 for point in points)
        found.append((off, curve))
    return min(found, key=lambda pair: pair[0])[1]


def spread(points: Sequence[Point], tokens: float) -> tuple[float, float]:
    """Lowest and highest bits at `tokens` that are foreseen where one point is left out each.

    With three points there are none to leave out, and both are foreseen from all.
    """
    kept = [[p for p in points if p is not left] for left in points]
    some_of = kept if len(points) > FEWEST else [points]
    values = [fit(some).beyond(some[-1], tokens) for some in some_of]
    return min(values), max(values)


def table_row(point: Point, curve: Curve) -> tuple[str, ...]:
    """A run beside the curve."""
    hours = f"{point.seconds / HOUR:.2f}"
    fitted = number(curve.at(point.tokens))
    return point.name, f"{point.tokens:,}", hours, number(point.bits), fitted


def scaling_section(runs: Sequence[Path]) -> Section:
    """Measured and fitted bits, and what more time would bring, for the longest run's speed."""
    points = read_points(runs)
    curve, last = fit(points), points[-1]
    speed = last.speed
    rows = [table_row(point, curve) for point in points]
    for name, seconds in (("one hour more", HOUR), ("four times as long", 3 * last.seconds)):
        tokens = last.tokens + speed * seconds
        low, high = spread(points, tokens)
        guess = f"{curve.beyond(last, tokens):.4g} ({low:.4g} to {high:.4g})"
        hours = f"{(last.seconds + seconds) / HOUR:.2f}"
        rows.append((name, f"{tokens:,.0f}", hours, "-", guess))
    head = ("run", "tokens", "hours", "bits per byte", "fitted")
    text = (
        f"Held-out bits per byte are fitted by {curve.floor:.3g} + {curve.factor:.3g} * "
        f"tokens^-{curve.exponent:.3g} over {len(points)} runs, each to the end of its own "
        f"schedule. One hour more than {last.name} took would bring them from {last.bits:.4g} to "
        f"{curve.beyond(last, last.tokens + speed * HOUR):.4g}, as the curve falls from there. In "
        "brackets: the curves that leave out one run each. A guess: data that repeat, or a model "
        "that is too small for more, bring less."
    )
    grid = np.geomspace(points[0].tokens, last.tokens + 3 * speed * last.seconds, 40)
    series = (
        Series("measured", tuple(float(p.tokens) for p in points), tuple(p.bits for p in points)),
        Series("fitted", tuple(map(float, grid)), tuple(map(curve.at, grid))),
    )
    panel = Panel(title="bits per byte, held out", x="tokens", series=series)
    return Section(
        title="What more compute would bring",
        paragraphs=(text,),
        figures=(Figure("scaling", (panel,)),),
        tables=(Table(caption="Runs and the curve", head=head, rows=tuple(rows)),),
    )
