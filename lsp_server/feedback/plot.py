"""Draws feedback over time as a PNG file."""

from collections.abc import Mapping
from pathlib import Path

from lsp_server.errors import FeedbackError
from lsp_server.feedback.figures import Figures

BLUE, ORANGE, GREY = "#2a6f97", "#e07a1f", "#9aa5ad"


def plot_days(days: Mapping[str, Figures], target: Path) -> None:
    """Acceptance with its interval over the characters saved, a day each.

    Raises FeedbackError without matplotlib or where the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise FeedbackError(
            "stats --png: expected matplotlib, found none; install it: "
            "pip install 'lory-lsp[plots]'"
        ) from exc
    figure = Figure(figsize=(max(6.0, 0.45 * len(days) + 2), 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    places = range(len(days))
    shares = [100 * day.acceptance for day in days.values()]
    errors = (
        [100 * (day.acceptance - day.low) for day in days.values()],
        [100 * (day.high - day.acceptance) for day in days.values()],
    )
    upper.errorbar(places, shares, yerr=errors, fmt="o-", color=BLUE, ecolor=GREY, capsize=3)
    upper.set(ylabel="accepted, % of those shown", ylim=(0, 100), title="Suggestions by day")
    lower.bar(places, [day.saved_characters for day in days.values()], color=ORANGE, width=0.6)
    lower.set(ylabel="characters not typed")
    lower.set_xticks(list(places), [day[5:] for day in days], rotation=45, ha="right")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.3)
    try:
        figure.savefig(target, dpi=120, format="png")
    except OSError as exc:
        raise FeedbackError(
            f"stats --png: expected a file that can be written, found {target}: {exc}; name another"
        ) from exc
