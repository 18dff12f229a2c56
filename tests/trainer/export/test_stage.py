"""The export stage: what it leaves, and that a failed gate is an error without a finished stage."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from lsp_server.engines.onnx import open_engine
from trainer.corpus.document import DocumentWriter
from trainer.errors import CorpusError, ExportError
from trainer.export.config import ExportConfig
from trainer.export.parity import GreedyParity, QuantizedParity
from trainer.export.stage import check_gate, run

GREEDY = GreedyParity(
    prompts=50,
    steps=3200,
    mismatches=0,
    ties=1,
    tie_gap=1e-4,
    largest_difference=1e-5,
    deviation=1e-5,
)
QUANTIZED = QuantizedParity(
    cursors=1000,
    exact_match_fp32=30.0,
    exact_match=29.75,
    lost_points=0.25,
    lost_low=-0.6,
    lost_high=1.1,
    same_text=99.0,
)


def test_the_stage_leaves_graphs_figures_facts_and_the_tokenizer(
    exported_run: dict[str, Path], small_tokenizer: Tokenizer
) -> None:
    out = exported_run["export"]
    assert {path.name for path in out.iterdir()} == {
        "model.fp32.onnx",
        "model.int8.onnx",
        "parity.json",
        "facts.json",
        "tokenizer.json",
        "done.json",
    }
    facts = json.loads((out / "facts.json").read_text())
    assert facts["architecture"] == "llama"
    assert (facts["context"], facts["vocabulary"]) == (256, 640)
    assert facts["parameters"] == 640 * 64 + 2 * (64 * 128 + 64 * 64 + 3 * 64 * 160 + 128) + 64
    parity = json.loads((out / "parity.json").read_text())
    assert parity["fp32"]["mismatches"] == 0
    assert parity["fp32"]["steps"] == 6 * 24
    assert parity["int8"]["cursors"] == 9
    assert open_engine(out / "model.int8.onnx", small_tokenizer, 1).provider


def test_the_gate_passes_ties_and_small_losses() -> None:
    check_gate(ExportConfig(), GREEDY, {"int8": QUANTIZED})


def test_one_mismatch_is_an_error() -> None:
    with pytest.raises(ExportError, match="all 3200 steps, found 1 others"):
        check_gate(ExportConfig(), replace(GREEDY, mismatches=1), {})


def test_logits_that_are_not_the_model_s_are_an_error_though_all_tokens_are() -> None:
    with pytest.raises(ExportError, match="standard deviations of PyTorch's, found 0.00058"):
        check_gate(ExportConfig(), replace(GREEDY, deviation=5.8e-4), {})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lost_points": 2.5, "lost_high": 3.4}, r"2.50 \[-0.60, 3.40\].*leave int8 out"),
        ({"lost_high": 2.1}, r"0.25 \[-0.60, 2.10\] over 1000 .*raise export.exact_match_cursors"),
        ({"lost_high": 2.1, "cursors": 90}, "over 90 cursors; hold out more repositories"),
    ],
)
def test_a_quantized_graph_that_is_not_known_to_be_good_is_an_error(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ExportError, match=f"int8 graph to lose at most 2.0 points.*{told}"):
        check_gate(ExportConfig(), GREEDY, {"int8": replace(QUANTIZED, **changes)})


def test_held_out_text_without_lines_of_code_is_an_error(
    small_run: dict[str, Path], tmp_path: Path
) -> None:
    with DocumentWriter(tmp_path / "dedup" / "heldout"):
        pass
    out = tmp_path / "export"
    out.mkdir()
    with pytest.raises(CorpusError):
        run(ExportConfig(), {**small_run, "dedup": tmp_path / "dedup"}, out)


def test_fewer_held_out_places_than_prompts_is_an_error(
    small_run: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="expected 10 places .* found 9; .* lower export.parity"):
        run(ExportConfig(parity_prompts=10, exact_match_cursors=1), small_run, tmp_path)
    assert not list(tmp_path.glob("*.onnx"))
