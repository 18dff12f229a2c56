"""Figures in words: shares, changes and latencies."""

from lsp_server.bench.reporting.bootstrapping import Rate
from lsp_server.bench.reporting.figures import Latency


def in_points(change: Rate) -> str:
    """A change of a share in percentage points, with its interval."""
    if change.value is None or change.low is None or change.high is None:
        return "none shown"
    value, low, high = (100 * part for part in (change.value, change.low, change.high))
    return f"{value:+.1f} [{low:.1f}, {high:.1f}] points"


def plain_percent(value: float | None) -> str:
    """A share without an interval."""
    return "-" if value is None else f"{value:.1%}"


def percent(rate: Rate) -> str:
    """A share with its interval."""
    if rate.value is None:
        return "none shown"
    return f"{rate.value:.1%} [{rate.low:.1%}, {rate.high:.1%}]"


def milliseconds(latency: Latency, *names: str) -> str:
    """Some of the percentiles."""
    return " / ".join(f"{getattr(latency, name):.0f}" for name in names) + " ms"
