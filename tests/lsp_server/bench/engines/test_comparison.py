"""Engines side by side: processes of Lory's own engine, one that is missing, two that fail."""

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lsp_server.bench.config import EnginesConfig
from lsp_server.bench.engines.comparison import measure
from lsp_server.bench.engines.figures import Absent, EngineFigures, compute
from lsp_server.bench.engines.peer_link import PeerDied, PeerFolders, PeerLink
from lsp_server.bench.engines.peer_process import PeerRequest
from lsp_server.cli.bench.main import app
from lsp_server.errors import BenchError

PLUGIN = """
import os

class Kind:
    def __init__(self, name): self.name = name
    def prepare(self, bundle, folder):
        if self.name == "missing": import an_engine_that_nobody_has
        if self.name == "unfit": raise ValueError("expected\\nanother shape")
    def open(self, bundle, folder, threads): return Kind(self.name), "1.0"
    def write(self, ids, count, told):
        print("a library that prints")
        for token in range(count):
            if self.name == "dying" and token: os._exit(7)
            told(token)
        return count

missing, unfit, dying, counting = map(Kind, ("missing", "unfit", "dying", "counting"))
"""


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Peers of another installed distribution."""
    site = tmp_path / "site"
    facts = site / "strangers-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "strange_peers.py").write_text(PLUGIN)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers\nVersion: 1.0\n")
    names = ["missing", "unfit", "dying", "counting"]
    points = "\n".join(f"{name} = strange_peers:{name}" for name in names)
    (facts / "entry_points.txt").write_text(f"[lory.peers]\n{points}\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.syspath_prepend(str(site))
    return names


def config_for(bundle: Path, **changes: Any) -> EnginesConfig:
    """A measurement that takes a second."""
    settings: dict[str, Any] = {
        "bundle": bundle,
        "threads": (1,),
        "prompts": 2,
        "prompt_tokens": 40,
        "new_tokens": 5,
        "rounds": 2,
        **changes,
    }
    return EnginesConfig(**settings)


def test_each_engine_is_a_row_whether_it_writes_is_missing_fails_or_dies(
    small_bundle: Path, strangers: list[str], tmp_path: Path
) -> None:
    turns: list[str] = []
    names = ["lory", *strangers]
    rows = measure(config_for(small_bundle), names, tmp_path / "work", turns.append)
    lory, missing, unfit, dying, counting = compute(rows, 40)
    assert isinstance(lory, EngineFigures)
    assert lory.agreement == 1.0
    assert lory.prefill_best >= lory.prefill > 0
    assert 0 < lory.decode_best <= lory.decode
    assert lory.memory > 20e6 or not sys.platform.startswith("linux")
    assert missing == Absent(
        "missing",
        1,
        "not installed (No module named 'an_engine_that_nobody_has'): "
        "pip install 'lory-lsp[bench]'",
    )
    assert unfit == Absent("unfit", 1, "ValueError: expected another shape")
    assert dying == Absent("dying", 1, "its process ended with code 7")
    assert isinstance(counting, EngineFigures)
    assert counting.version == "1.0"
    assert counting.agreement < 1.0
    assert [len(runs) for runs in rows[0].written.values()] == [2, 2]


def test_engines_take_turns_prompt_by_prompt(
    small_bundle: Path, strangers: list[str], tmp_path: Path
) -> None:
    turns: list[str] = []
    names = ["lory", "counting"]
    measure(config_for(small_bundle, rounds=1), names, tmp_path, turns.append)
    assert turns == ["lory, 1", "counting, 1"] * 4


def test_an_engine_that_hangs_is_ended_after_the_timeout(
    small_bundle: Path, tmp_path: Path
) -> None:
    link = PeerLink("lory", 1, PeerFolders(small_bundle, tmp_path, 60.0))
    try:
        assert link.greet().version
        link._process.send_signal(signal.SIGSTOP)
        link._timeout = 0.1
        with pytest.raises(PeerDied, match="ended with code -9"):
            link.write(PeerRequest([7] * 200, 50))
    finally:
        link.close()


def test_prompts_that_do_not_fit_and_unknown_engines_are_clear_errors(
    small_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(BenchError, match="within 256 tokens, found 250 [+] 8"):
        measure(config_for(small_bundle, prompt_tokens=250, new_tokens=8), [], tmp_path, print)
    with pytest.raises(BenchError, match="lower --prompts or --tokens"):
        measure(config_for(small_bundle, prompts=10_000), [], tmp_path, print)
    with pytest.raises(BenchError, match="expected engines of lory, .* found petrol"):
        CliRunner().invoke(app, ["engines", "--engine", "petrol"], catch_exceptions=False)
    with pytest.raises(BenchError, match="counts of at least 1"):
        config_for(small_bundle, threads=())
    with pytest.raises(BenchError, match="at least 2 new tokens"):
        config_for(small_bundle, new_tokens=1)


def test_the_command_prints_a_table_and_writes_every_figure(
    small_bundle: Path, strangers: list[str], tmp_path: Path
) -> None:
    figures = tmp_path / "figures.json"
    words = ["engines", "--bundle", str(small_bundle), "--json", str(figures)]
    words += ["--engine", "lory", "--engine", "missing", "--engine", "transformers-fp32"]
    words += ["--threads", "1", "--prompts", "1", "--tokens", "40", "--new", "4", "--rounds", "1"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "| missing | 1 | not installed (No module named" in result.output
    assert "| lory 0.2.0 | 1 | " in result.output
    record = json.loads(figures.read_text())
    by_name = {row["name"]: row for row in record["engines"]}
    assert by_name["transformers-fp32"]["agreement"] >= 0.5  # a near tie may end it early
    assert record["config"]["prompt_tokens"] == 40
    assert record["machine"]["cores"]
