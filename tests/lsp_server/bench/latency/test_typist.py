"""The fast typist: a real server with the shipped model answers every key, and stays as it is."""

import argparse
from math import inf
from pathlib import Path

import pytest

from lsp_server.bench.config import OWN_SERVER, LoadConfig
from lsp_server.bench.latency.typist import Fate, Key, LoadRecords, long_text, type_fast
from lsp_server.bench.latency.typist_report import load_figures, load_json
from lsp_server.errors import BenchError

SOURCE = Path(argparse.__file__)


@pytest.mark.slow
def test_every_key_of_a_fast_typist_is_answered_and_memory_stays_flat(tmp_path: Path) -> None:
    options = {"min_probability": 0.0, "max_tokens": 128}  # keeps the engine busy
    config = LoadConfig(command=OWN_SERVER, options=options, seconds=8.0)
    records = type_fast(config, SOURCE, tmp_path)
    fates = load_figures(records, config).fates
    assert len(records.keys) == 400
    assert (fates[Fate.ERROR], fates[Fate.UNANSWERED]) == (0, 0)
    assert fates[Fate.ANSWERED] > 0
    assert all(key.answered < 5 and key.taken < 5 for key in records.keys)
    assert not records.megabytes or records.megabytes[-1] < records.megabytes[0] + 16


def test_a_server_that_hears_no_edit_and_answers_nothing_is_told_apart(tmp_path: Path) -> None:
    keys = (
        Key(Fate.ANSWERED, 0.01, 0.001, busy=False),
        Key(Fate.SUPERSEDED, 0.2, 0.003, busy=True),
        Key(Fate.UNANSWERED, inf, inf, busy=True),
    )
    config = LoadConfig(command=("x",))
    records = LoadRecords(server="s", model="m", keys=keys, seconds=0.1, megabytes=(100.0,))
    figures = load_figures(records, config)
    assert figures.fates == {
        "answered": 1,
        "superseded": 1,
        "cancelled": 0,
        "error": 0,
        "unanswered": 1,
    }
    assert figures.late == 2
    assert figures.answers.most == inf
    assert figures.edits.most == pytest.approx(1.0)
    assert figures.edits_while_busy.p50 == pytest.approx(3.0)
    assert figures.busy == pytest.approx(2 / 3)
    assert load_json(records, config)["figures"]["late"] == 2


def test_a_text_is_as_long_as_it_is_asked_to_be(tmp_path: Path) -> None:
    assert long_text(SOURCE, 7_000).count("\n") == 7_000
    (tmp_path / "empty.py").write_text("\n\n")
    for name in ("empty.py", "none.py"):
        with pytest.raises(BenchError, match="expected"):
            long_text(tmp_path / name, 10)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(BenchError, match="expected rate above 0"):
        LoadConfig(command=("x",), rate=0.0)
