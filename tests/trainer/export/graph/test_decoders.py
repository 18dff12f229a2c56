"""Exported graphs: the same numbers as PyTorch, positions on demand, nothing stored twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer

from lsp_server.contract.prompt import encode
from lsp_server.engines.decoder import OnnxDecoder, open_session
from trainer.errors import ExportError
from trainer.export.graph.builder import Precision
from trainer.export.graph.decoders import build_decoder
from trainer.model.networks import build

Make = Callable[[str], Any]


def open_graph(model: Any, precision: Precision, folder: Path) -> OnnxDecoder:
    """The model's graph, opened."""
    path = folder / f"{precision}.onnx"
    onnx.save(build_decoder(model, precision), path)
    return OnnxDecoder(open_session(path, threads=1))


def torch_logits(model: Any, ids: list[int]) -> Any:
    """PyTorch's logits [T, V]."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].numpy()


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_float_graph_gives_pytorch_s_logits(
    kind: str,
    trained: bool,
    make_model: Make,
    train_model: Make,
    small_tokenizer: Tokenizer,
    small_corpus: list[str],
    tmp_path: Path,
) -> None:
    model = train_model(kind) if trained else make_model(kind)
    ids = encode(small_tokenizer, small_corpus[2])[:200]
    expected_TV = torch_logits(model, ids)
    decoder = open_graph(model, "fp32", tmp_path)
    logits_TV = decoder.forward(ids, 0, len(ids))
    assert np.abs(logits_TV - expected_TV).max() < 1e-4
    assert np.ptp(expected_TV) > 0.1


def test_gpt1_s_block_order_is_exported_as_it_is_trained(
    make_model: Make, small_tokenizer: Tokenizer, small_corpus: list[str], tmp_path: Path
) -> None:
    model = make_model("gpt1")
    ids = encode(small_tokenizer, small_corpus[2])[:200]
    expected_TV = torch_logits(model, ids)
    logits_TV = open_graph(model, "fp32", tmp_path).forward(ids, 0, len(ids))
    assert np.abs(logits_TV - expected_TV).max() < 1e-4
    assert np.abs(torch_logits(make_model("gpt2"), ids) - expected_TV).max() > 0.1


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize(("precision", "limit"), [("fp16", 0.001), ("int8", 0.02), ("int4", 0.3)])
def test_a_quantized_graph_stays_near_the_trained_model(
    kind: str,
    precision: Precision,
    limit: float,
    train_model: Make,
    small_tokenizer: Tokenizer,
    small_corpus: list[str],
    tmp_path: Path,
) -> None:
    ids = encode(small_tokenizer, small_corpus[2])[:200]
    expected_TV = torch.log_softmax(torch.tensor(torch_logits(train_model(kind), ids)), -1)
    decoder = open_graph(train_model(kind), precision, tmp_path)
    logprobs_TV = torch.log_softmax(torch.tensor(decoder.forward(ids, 0, len(ids))), -1)
    divergence_T = (expected_TV.exp() * (expected_TV - logprobs_TV)).sum(-1)
    assert float(divergence_T.mean()) < limit


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_last_logits_are_the_same_however_many_are_wanted(
    kind: str, make_model: Make, small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    decoder = open_graph(make_model(kind), "int8", tmp_path)
    ids = encode(small_tokenizer, "def push(heap, item):\n")
    one_TV = decoder.forward(ids, 0, 1).copy()
    three_TV = decoder.forward(ids, 0, 3).copy()
    assert one_TV.shape == (1, decoder.vocabulary)
    assert three_TV.shape == (3, decoder.vocabulary)
    assert np.abs(three_TV[-1] - one_TV[0]).max() < 1e-2 * np.ptp(three_TV)


def test_the_10m_preset_is_under_13_megabytes_in_int8_with_its_embedding_stored_once(
    tmp_path: Path,
) -> None:
    from trainer.model.config import ModelConfig

    model = build(ModelConfig(preset="10m"), 16_384)
    graph = build_decoder(model, "int8")
    size = len(graph.SerializeToString())
    assert 10e6 < size < 13e6
    tables = [tensor.name for tensor in graph.graph.initializer if 16_384 in tuple(tensor.dims)]
    assert sorted(tables) == ["embedding.codes", "embedding.scales"]


def test_an_unknown_architecture_or_setting_names_what_is_expected(make_model: Make) -> None:
    model = make_model("llama")
    model.config.attention_bias = True
    with pytest.raises(ExportError, match="attention_bias False, found True"):
        build_decoder(model, "fp32")
    model.config.model_type = "mamba"
    with pytest.raises(ExportError, match="expected a model of type llama or gpt2, found mamba"):
        build_decoder(model, "fp32")


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("gpt2", "scale_attn_by_inverse_layer_idx", True),
        ("gpt2", "scale_attn_weights", False),
        ("gpt2", "reorder_and_upcast_attn", True),
        ("gpt2", "add_cross_attention", True),
        ("gpt2", "activation_function", "gelu"),
        ("gpt2", "block_order", "sandwich"),
        ("gpt2", "logit_softcapping", 30.0),
        ("llama", "hidden_act", "gelu"),
        ("llama", "pretraining_tp", 2),
        ("llama", "sliding_window", 128),
        ("llama", "tie_word_embeddings", False),
    ],
)
def test_a_setting_that_is_not_wired_is_refused_by_its_name(
    make_model: Make, kind: str, name: str, value: object
) -> None:
    model = make_model(kind)
    setattr(model.config, name, value)
    with pytest.raises(ExportError, match=f"with {name} .*, found {value!r}"):
        build_decoder(model, "fp32")


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt1"])
def test_a_model_that_was_saved_and_loaded_is_still_understood(
    make_model: Make, kind: str, tmp_path: Path
) -> None:
    from trainer.model.networks import load

    make_model(kind).save_pretrained(tmp_path)
    assert build_decoder(load(tmp_path).float(), "fp32").graph.node


@pytest.mark.parametrize("other", [{"rope_type": "linear", "factor": 2.0}, {"partial": 0.5}])
def test_rotary_positions_of_another_kind_are_refused(
    make_model: Make, other: dict[str, object]
) -> None:
    model = make_model("llama")
    model.config.rope_parameters = {**model.config.rope_parameters, **other}
    with pytest.raises(ExportError, match="expected rotary positions of rope_type default"):
        build_decoder(model, "fp32")
