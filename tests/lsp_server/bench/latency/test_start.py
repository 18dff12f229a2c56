"""Starts of the real server: first things first, and an idle server costs next to nothing."""

from pathlib import Path

import pytest

from lsp_server.bench.config import OWN_SERVER, StartConfig
from lsp_server.bench.latency.start import Start, measure_starts, start_table
from lsp_server.errors import BenchError


@pytest.mark.alone
def test_a_start_is_answered_then_suggests_in_bounded_memory_and_then_rests(tmp_path: Path) -> None:
    options = {"min_probability": 0.0}
    config = StartConfig(command=OWN_SERVER, options=options, starts=1, idle_seconds=1.0)
    (start,) = measure_starts(config, tmp_path)
    assert 0 < start.initialized < start.suggested
    assert start.megabytes is None or 20 < start.megabytes < 400
    assert start.idle is None or start.idle < 0.1


def test_a_server_that_suggests_nothing_is_told_what_to_do(tmp_path: Path) -> None:
    options = {"min_probability": 1.0, "min_characters": 100}
    config = StartConfig(command=OWN_SERVER, options=options, starts=1, patience=3.0)
    with pytest.raises(BenchError, match="expected a suggestion within 3 s, found none"):
        measure_starts(config, tmp_path)


def test_what_is_not_told_is_left_out() -> None:
    starts = [Start(initialized=0.1, suggested=1.0, megabytes=None, idle=None)] * 2
    table = start_table(starts)
    assert [list(column.cells)[2:] for column in table.columns[1:]] == [["", ""]] * 3
    assert list(table.columns[1].cells)[:2] == ["0.10", "1.00"]
