"""The parity gate's arithmetic, and that it sees graphs that are not the model."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import encode
from lsp_server.engines.decoder import OnnxDecoder, open_session
from trainer.export.graph.decoders import build_decoder
from trainer.export.parity import (
    LARGEST_DEVIATION,
    TIE_GAP,
    choice_gaps,
    compare_greedy,
    compare_quantized,
    continue_greedily,
    lost_interval,
)
from trainer.tasks.line_completion import LineMatch

Make = Callable[[str], Any]


def open_fp32(model: Any, folder: Path) -> OnnxDecoder:
    """The model's float graph, opened."""
    path = folder / "model.onnx"
    onnx.save(build_decoder(model, "fp32"), path)
    return OnnxDecoder(open_session(path, threads=1))


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_trained_model_and_its_graph_write_the_same_tokens(
    kind: str,
    train_model: Make,
    small_tokenizer: Tokenizer,
    small_corpus: list[str],
    tmp_path: Path,
) -> None:
    model = train_model(kind)
    prompts = [encode(small_tokenizer, small_corpus[0][at : at + 200]) for at in (6000, 7000, 9000)]
    decoder = open_fp32(model, tmp_path)
    written = [token for ids in prompts for token in continue_greedily(decoder, ids, 64)[0]]
    assert len(set(written)) > 20, "models that repeat themselves agree whatever they are"
    parity = compare_greedy(model, decoder, prompts, 64)
    assert (parity.mismatches, parity.ties) == (0, 0)
    assert (parity.prompts, parity.steps) == (3, 192)
    assert parity.largest_difference < TIE_GAP


def test_another_model_s_graph_is_found_out(
    make_model: Make, train_model: Make, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    prompts = [encode(small_tokenizer, "import os\n")]
    decoder = open_fp32(make_model("llama"), tmp_path)
    assert compare_greedy(train_model("llama"), decoder, prompts, 16).mismatches > 0


def test_gaps_are_zero_for_the_best_token_and_positive_for_others() -> None:
    logits_TV = np.array([[1.0, 3.0], [2.0, 0.5]], np.float32)
    assert choice_gaps(logits_TV, [1, 1]).tolist() == [0.0, 1.5]


def test_lost_points_are_the_difference_of_exact_matches() -> None:
    def match(text: str, exact: bool) -> LineMatch:
        return LineMatch(text, exact, 1.0)

    reference = [match("a", True), match("b", True), match("c", False), match("d", False)]
    quantized = [match("a", True), match("x", False), match("c", False), match("y", False)]
    parity = compare_quantized(reference, quantized, [1, 2, 3, 4])
    assert (parity.exact_match_fp32, parity.exact_match) == (50.0, 25.0)
    assert (parity.lost_points, parity.same_text, parity.cursors) == (25.0, 50.0, 4)


def match_at(exact: bool) -> LineMatch:
    return LineMatch("", exact, 1.0)


def test_logits_show_a_fault_that_greedy_tokens_do_not(
    train_model: Make, small_tokenizer: Tokenizer, small_corpus: list[str], tmp_path: Path
) -> None:
    model, wrong = train_model("llama"), copy.deepcopy(train_model("llama"))
    wrong.config.rms_norm_eps = 1e-3
    prompts = [encode(small_tokenizer, small_corpus[0][6000:6400])]
    found = compare_greedy(model, open_fp32(wrong, tmp_path), prompts, 16)
    assert found.mismatches == 0
    assert found.deviation > LARGEST_DEVIATION
    right = compare_greedy(model, open_fp32(model, tmp_path), prompts, 16)
    assert right.deviation < LARGEST_DEVIATION / 3


def lost(up: int, down: int, alike: int) -> tuple[float, float]:
    """The interval where so many cursors are right in fp32 alone, in int8 alone, in both."""
    reference = [match_at(True)] * up + [match_at(False)] * down + [match_at(True)] * alike
    quantized = [match_at(False)] * up + [match_at(True)] * down + [match_at(True)] * alike
    return lost_interval(reference, quantized, range(up + down + alike))


def test_one_line_in_four_hundred_is_no_loss_and_ten_are_one() -> None:
    low, high = lost(4, 3, 393)
    assert low < 0 < high
    low, high = lost(14, 3, 393)
    assert 0 < low < 100 * 11 / 410 < high


def test_the_interval_narrows_with_the_cursors() -> None:
    few, many = lost(6, 6, 388), lost(24, 24, 1552)
    assert many[1] == pytest.approx(few[1] / 2, rel=0.15)


def test_cursors_of_one_document_count_together() -> None:
    reference = [match_at(number % 100 < 3) for number in range(300)]
    quantized = [match_at(False)] * 300
    apart = lost_interval(reference, quantized, range(300))
    together = lost_interval(reference, quantized, [number // 100 for number in range(300)])
    assert together == pytest.approx((3.0, 3.0))  # each document loses the same
    assert apart[0] < 2 < 4 < apart[1]


def test_a_few_cursors_without_a_difference_prove_little() -> None:
    low, high = lost(0, 0, 20)
    assert high == -low > 10
    assert lost(0, 0, 1000)[1] < 0.5


def test_the_gates_rule_errs_as_seldom_as_it_says() -> None:
    """Shares of 60 simulated gates: 1,000 cursors, 3 in a hundred right in one graph alone."""
    rng, refused, passed = np.random.default_rng(0), 0, 0
    for _ in range(60):
        up, down, alike = rng.multinomial(1000, [0.015, 0.015, 0.97]).tolist()
        refused += lost(up, down, alike)[1] > 2.0
        up, down, alike = rng.multinomial(1000, [0.025, 0.005, 0.97]).tolist()
        passed += lost(up, down, alike)[1] <= 2.0
    assert refused / 60 <= 0.1
    assert passed / 60 <= 0.1
