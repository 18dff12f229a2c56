"""The server's counters, on numbers worked by hand."""

import sys
from pathlib import Path
from typing import Any

import pytest

from lsp_server.bench.client.handshake import ServerFacts
from lsp_server.bench.client.lsp_client import LspClient
from lsp_server.bench.client.server_counters import Work, read_work, within, work_of
from lsp_server.bench.reporting.figures import work_figures
from lsp_server.completion.counters import Counters
from lsp_server.documents.positions import Encoding
from lsp_server.engines.counters import EngineCounters
from lsp_server.errors import BenchError

SMALL_SERVER = Path(__file__).parents[1] / "small_server.py"


def counted() -> dict[str, Any]:
    """The answer of a server that did something."""
    counters, engine = Counters(requests=10, from_memory=4), EngineCounters(tokens=30, steps=20)
    for milliseconds in (0.1, 5.0, 5.1, 60.0):
        counters.memory_ms.add(milliseconds)
    for read in (0, 16, 17, 900, 5000):
        engine.count_prompt(1000, read)
    engine.drafted, engine.accepted = 8, 2
    return counters.as_json(engine)


def test_what_lies_at_a_bound_counts_as_within() -> None:
    told = counted()
    assert told["engine"]["prefilled"]["counts"] == [1, 0, 1, 1, 0, 1, 1]
    assert told["engine"]["prefilled"]["largest"] == 5000
    assert within(told["engine"]["prefilled"], 16) == 2
    assert within(told["memory_ms"], 5) == 2


def test_the_figures_are_shares_of_what_was_counted() -> None:
    figures = work_figures(work_of(counted()))
    assert figures.from_memory == 0.4
    assert figures.quick_from_memory == 0.5
    assert (figures.prompts, figures.short_prompts) == (5, 0.4)
    assert figures.tokens_per_step == 1.5
    assert figures.accepted == 0.25


def test_an_engine_that_does_not_count_leaves_its_figures_out() -> None:
    figures = work_figures(work_of(Counters(requests=2, from_memory=1).as_json(None)))
    assert figures.from_memory == 0.5
    assert (figures.prompts, figures.short_prompts, figures.tokens_per_step) == (0, None, None)


def test_periods_add_up_and_part() -> None:
    first, both = Work(requests=2, steps=5), Work(requests=7, steps=6, tokens=3)
    assert both - first == Work(requests=5, steps=1, tokens=3)
    assert first + (both - first) == both


@pytest.mark.parametrize(("experimental", "fails"), [(None, False), ({"loryStatistics": 1}, True)])
def test_only_a_server_that_announces_counters_is_asked(
    tmp_path: Path, experimental: Any, fails: bool
) -> None:
    facts = ServerFacts(
        name="small",
        version="1",
        encoding=Encoding.UTF16,
        incremental=True,
        trigger_characters=frozenset(),
        capabilities={"experimental": experimental},
    )
    with LspClient((sys.executable, str(SMALL_SERVER), "truth", ""), tmp_path) as client:
        if fails:
            with pytest.raises(BenchError, match="expected counters from lory/statistics"):
                read_work(client, facts, 20.0)
        else:
            assert read_work(client, facts, 20.0) is None
