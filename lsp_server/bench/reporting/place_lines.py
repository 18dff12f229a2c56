"""Rows of the replay's table on gaps and on what was wrong with suggestions."""

from lsp_server.bench.reporting.gap_figures import Faults, GapFigures, PlaceFigures
from lsp_server.bench.reporting.paired import Changes
from lsp_server.bench.reporting.wording import in_points, percent

Lines = list[tuple[str, str]]


def place_lines(figures: PlaceFigures | None) -> Lines:
    """All of them."""
    if figures is None:
        return []
    return [
        *gap_lines("as while typing", figures.typing),
        *gap_lines("asked", figures.asked),
        *fault_lines("typing", figures.faults_typing),
        *fault_lines("asked", figures.faults_asked),
    ]


def gap_lines(name: str, figures: GapFigures | None) -> Lines:
    """The rows of one way of asking."""
    if figures is None:
        return []
    return [
        (f"gaps, {name}", f"{figures.shown} of {figures.gaps} with a suggestion"),
        (f"exact in lines, {name}", percent(figures.exact_in_line)),
        (f"saved in lines, {name}", percent(figures.saved_in_line)),
        (f"exact at gaps, {name}", percent(figures.exact)),
        (f"characters at gaps, {name}", f"{percent(figures.saved)}, {figures.characters}"),
    ]


def fault_lines(name: str, faults: Faults) -> Lines:
    """A row for each kind of fault."""
    return [
        (f"{fault}, {name}", f"{found.count} of {found.cases}: {percent(found.share)}")
        for fault, found in faults.items()
        if found.cases
    ]


def fault_change_lines(changes: Changes) -> Lines:
    """What has changed at gaps and of faults."""
    lines: Lines = []
    if changes.saved_typing and changes.saved_asked:
        lines += [
            ("saved at gaps, as while typing", in_points(changes.saved_typing)),
            ("saved at gaps, asked", in_points(changes.saved_asked)),
        ]
    if changes.saved_relative is not None:
        lines.append(("  relative to the other", f"{changes.saved_relative:+.1%}"))
    for name, rates in (("typing", changes.faults_typing), ("asked", changes.faults_asked)):
        lines += [(f"{fault}, {name}", in_points(rate)) for fault, rate in rates.items()]
    return lines
