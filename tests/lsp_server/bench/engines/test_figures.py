"""Figures of engines, on times worked by hand."""

from pathlib import Path

import pytest

from lsp_server.bench.config import EnginesConfig
from lsp_server.bench.engines.comparison import EngineRuns
from lsp_server.bench.engines.figures import Absent, EngineFigures, compute
from lsp_server.bench.engines.peer_process import Hello, PeerText
from lsp_server.bench.engines.report import as_markdown

HELLO = Hello(version="1.2")


def row_of(name: str, scale: float, *tokens: list[int]) -> EngineRuns:
    """An engine that took 0.1, 0.11, 0.13 s for the tokens of each prompt, times `scale`."""
    seconds = [scale * value for value in (0.1, 0.11, 0.13)]
    written = {number: [PeerText(ids, seconds, 50_000_000, 2)] for number, ids in enumerate(tokens)}
    return EngineRuns(name, 1, HELLO, written)


def test_speed_memory_and_agreement_by_hand() -> None:
    rows = [row_of("lory", 1, [1, 2, 3], [4, 5, 6]), row_of("other", 2, [1, 2, 9], [7, 5, 6])]
    lory, other = compute(rows, 512)
    assert isinstance(lory, EngineFigures)
    assert isinstance(other, EngineFigures)
    assert lory.prefill == pytest.approx(5120)
    assert lory.decode == pytest.approx(15)
    assert lory.decode_best == pytest.approx(15)
    assert lory.step_tokens == 1.5
    assert other.decode == pytest.approx(30)
    assert lory.agreement == 1.0
    assert other.agreement == pytest.approx((2 / 3 + 0) / 2)
    cells = as_markdown([lory, other]).splitlines()[3].split(" | ")
    assert cells == [
        "| other 1.2",
        "1",
        "2,560 (2,560)",
        "30.00 (30.00)",
        "1.50",
        "2.00x, 2.00x",
        "50",
        "33% |",
    ]


def test_the_float_graph_is_the_reference_where_it_was_measured() -> None:
    rows = [row_of("lory", 1, [1, 2, 3]), row_of("lory-fp32", 1, [1, 2, 4])]
    lory, reference = compute(rows, 512)
    assert isinstance(lory, EngineFigures)
    assert isinstance(reference, EngineFigures)
    assert lory.agreement == pytest.approx(2 / 3)
    assert reference.agreement == 1.0


def test_an_engine_that_died_half_way_has_no_figures() -> None:
    row = row_of("other", 1, [1, 2, 3])
    row.died = "its process ended with code -11"
    assert compute([row], 512) == [Absent("other", 1, "its process ended with code -11")]


def test_the_issue_s_prompts_are_the_defaults() -> None:
    config = EnginesConfig(bundle=Path("b"))
    assert (config.prompt_tokens, config.threads) == (512, (1, 2))
