"""The rows on gaps and faults: columns are put side by side by their names."""

from lsp_server.bench.reporting.bootstrapping import Rate
from lsp_server.bench.reporting.gap_figures import GapFigures, PlaceFigures
from lsp_server.bench.reporting.place_lines import place_lines


def test_no_row_of_one_way_of_asking_stands_in_for_the_others() -> None:
    rate = Rate(0.5, 0.4, 0.6)
    gaps = GapFigures(
        gaps=2,
        shown=1,
        exact=rate,
        saved=rate,
        characters=3,
        exact_in_line=rate,
        saved_in_line=rate,
    )
    lines = place_lines(PlaceFigures(typing=gaps, asked=gaps, faults_typing={}, faults_asked={}))
    assert len({name for name, _ in lines}) == len(lines) == 10
