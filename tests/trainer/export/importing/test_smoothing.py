"""Evened activations compute what they did before, and lose less where they are rounded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lsp_server.engines.decoder import OnnxDecoder, open_session
from tests.trainer.export.importing.zoo import VOCABULARY, ZOO, checkpoint, make_model
from trainer.export.graph.builder import Precision
from trainer.export.importing.decoder.families import make_decoder
from trainer.export.importing.decoder.graph_file import write_graph
from trainer.export.importing.decoder.peaks import find_peaks
from trainer.export.importing.decoder.shape import (
    Decoder,
    Weights,
    layer_norm_names,
    qkv_name,
    up_name,
)
from trainer.export.importing.decoder.smoothing import Fold, balance, smooth, spread
from trainer.export.importing.gate import Logits, Parity, check_float, compare
from trainer.export.importing.reference.logits import reference_logits

IDS = np.random.default_rng(0).integers(7, VOCABULARY, 150).tolist()
READ = [np.random.default_rng(seed).integers(7, VOCABULARY, 80).tolist() for seed in (1, 2)]
KNOWN = np.arange(VOCABULARY)


def measure(decoder: Decoder, expected: Logits, precision: Precision, folder: Path) -> Parity:
    """A graph beside what is expected of it."""
    opened = OnnxDecoder(open_session(write_graph(decoder, precision, folder), threads=1))
    return compare(opened, [expected], [IDS], KNOWN)


def floats(*values: float) -> Weights:
    """In the precision of weights."""
    return np.array(values, np.float32)


def uneven(decoder: Decoder) -> Decoder:
    """The same function, with one channel of each norm forty times the others."""
    weights = {name: np.array(decoder.weights[name]) for name in decoder.weights}
    for layer in range(decoder.shape.layers):
        names = zip(layer_norm_names(layer), (qkv_name(layer), up_name(layer)), strict=True)
        for norm, matrix in names:
            weights[norm][5] *= 40
            weights[matrix][:, 5] /= 40
    return replace(decoder, weights=weights)


@pytest.mark.parametrize("name", ZOO)
def test_the_function_stays_what_it_was_in_every_family(name: str, tmp_path: Path) -> None:
    config, tensors = checkpoint(make_model(name))
    decoder = make_decoder(config, tensors, 512)
    even = smooth(decoder, READ)
    check_float(measure(even, reference_logits(config, tensors, IDS), "fp32", tmp_path))
    changed = [
        n for n in decoder.weights if not np.array_equal(even.weights[n], decoder.weights[n])
    ]
    assert {"output.0", qkv_name(0)} <= set(changed)


def test_channels_that_are_far_larger_than_the_rest_cost_less(tmp_path: Path) -> None:
    config, tensors = checkpoint(make_model("llama"))
    decoder = uneven(make_decoder(config, tensors, 512))
    expected = reference_logits(config, tensors, IDS)
    before = measure(decoder, expected, "int8", tmp_path)
    after = measure(smooth(decoder, READ), expected, "int8", tmp_path)
    assert after.divergence < before.divergence / 4


def test_peaks_are_those_of_what_a_matrix_reads() -> None:
    config, tensors = checkpoint(make_model("llama"))
    decoder = uneven(make_decoder(config, tensors, 512))
    peaks = find_peaks(decoder, [qkv_name(0), "output.0", "down.0"], READ)
    assert peaks[qkv_name(0)].argmax() == 5
    assert peaks["output.0"].shape == (64,)
    assert peaks["down.0"].shape == (96,)


def test_a_channel_is_divided_by_the_root_of_its_peak_over_its_columns() -> None:
    factors = balance(Fold("a", "b"), floats(4, 1), floats(1, -4, 0.5, 2).reshape(2, 2))
    np.testing.assert_allclose(factors, [2, 0.5])


def test_query_heads_that_share_values_share_their_factor() -> None:
    fold = Fold("output", "values", kv=2, shared=2)
    peaks = floats(1, 1, 16, 1, 1, 1, 1, 1)  # two channels of each of four heads
    factors = balance(fold, peaks, np.ones((3, 8), np.float32))
    np.testing.assert_allclose(factors / factors[1], [4, 1, 1, 1])
    np.testing.assert_allclose(spread(fold, factors) / factors[1], [4, 1, 4, 1, 1, 1, 1, 1])
