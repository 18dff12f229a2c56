"""Draws the report's figures as PNG files for light and dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil, isfinite
from pathlib import Path
from typing import Any

INK = "#7a7a7a"
"""Of axes and letters: 4:1 and more on white and on black."""
COLOURS = ("#3f7fbf", "#d9730d", "#2f9e6e", "#a45ee5", "#c94f6d", "#8c7a3d", "#4aa3a3", "#7f7f7f")
DASHES = ("-", "--", "-.", ":")
"""Lines differ by dash as well as by colour."""

WHOLE = ("step", "iteration")
"""What is counted in whole numbers."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: points in order."""

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One pair of axes."""

    title: str
    x: str
    series: tuple[Series, ...]
    level: float | None = None
    """A horizontal line, such as a target."""
    diagonal: bool = False
    """A line where y is x."""
    numbered: bool = False
    """Points are shown and some are marked by `marks`."""
    marks: tuple[str, ...] = ()
    """A word at each point of the first series, "" for none."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels side by side, in one PNG file."""

    name: str
    """Of the file, without its ending."""
    panels: tuple[Panel, ...]

    @property
    def alt(self) -> str:
        """What the figure shows, for those who do not see it."""
        return "; ".join(describe(panel) for panel in self.panels)


def describe(panel: Panel) -> str:
    """A panel in words: where each line begins and ends."""
    lines = [
        f"{series.label} from {series.ys[0]:.4g} to {series.ys[-1]:.4g}".strip()
        for series in panel.series
    ]
    return f"{panel.title} by {panel.x}: {', '.join(lines)}"


def render(figure: Figure, path: Path) -> bytes:
    """Write the figure; gives the file's bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    columns = min(3, len(figure.panels))
    rows = ceil(len(figure.panels) / columns)
    canvas = Canvas(figsize=(3.6 * columns, 2.6 * rows), dpi=110, layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.subplots(rows, columns, squeeze=False)
    for place, ax in enumerate(axes.flat):
        if place < len(figure.panels):
            draw_panel(ax, figure.panels[place])
        else:
            ax.set_axis_off()
    buffer = BytesIO()
    canvas.savefig(buffer, format="png", transparent=True, metadata={"Software": None})
    path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


def draw_panel(ax: Any, panel: Panel) -> None:
    """Lines, levels and letters of one panel."""
    for number, series in enumerate(panel.series):
        few = len(series.xs) < 15 or panel.numbered
        ax.plot(
            series.xs,
            series.ys,
            DASHES[number % len(DASHES)],
            color=COLOURS[number % len(COLOURS)],
            marker="o" if few else None,
            markersize=3,
            linewidth=1.3,
            label=series.label,
        )
    if panel.level is not None:
        ax.axhline(panel.level, color=INK, linestyle=":", linewidth=1)
    if panel.diagonal:
        ax.axline((0.5, 0.5), (1, 1), color=INK, linestyle=":", linewidth=1)
    if panel.marks:
        points = zip(panel.marks, panel.series[0].xs, panel.series[0].ys, strict=True)
        for mark, x, y in points:
            if mark:
                ax.annotate(
                    mark,
                    (x, y),
                    textcoords="offset points",
                    xytext=(4, 3),
                    fontsize=7,
                    color=INK,
                )
    style(ax, panel)


def style(ax: Any, panel: Panel) -> None:
    """One ink for all that is no line."""
    from matplotlib.ticker import MaxNLocator

    ax.set_title(panel.title, fontsize=9, color=INK)
    ax.set_xlabel(panel.x, fontsize=8, color=INK)
    ax.tick_params(labelsize=7, colors=INK)
    if panel.x in WHOLE:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.grid(visible=True, color=INK, alpha=0.2, linewidth=0.6)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)
    if any(series.label for series in panel.series):
        ax.legend(fontsize=7, frameon=False, labelcolor=INK)


def panel_of(
    title: str, x: str, lines: Sequence[tuple[str, Sequence[tuple[float, float]]]]
) -> Panel | None:
    """A panel of the lines that have finite points; None without any."""
    kept = [
        (label, [(a, b) for a, b in points if isfinite(a) and isfinite(b)])
        for label, points in lines
    ]
    series = tuple(
        Series(label, tuple(a for a, _ in points), tuple(b for _, b in points))
        for label, points in kept
        if points
    )
    return Panel(title=title, x=x, series=series) if series else None
