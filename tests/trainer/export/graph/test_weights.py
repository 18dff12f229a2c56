"""Bundles for other programs: the weights that come back are those that are served."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import encode
from lsp_server.engines.decoder import OnnxDecoder, open_session
from trainer.errors import ExportError
from trainer.export.graph.builder import Precision
from trainer.export.graph.decoders import build_decoder, build_graph
from trainer.export.graph.weights import NetworkWeights, read_weights
from trainer.export.parity import compare_greedy
from trainer.export.peers.formats import gguf_name, interleave_heads, whole_blocks, write_checkpoint
from trainer.export.requantize import requantize

Make = Callable[[str], Any]


def save(model: Any, precision: Precision, folder: Path) -> Path:
    """The model's graph."""
    path = folder / f"{precision}.onnx"
    onnx.save(build_decoder(model, precision), path)
    return path


def test_a_float_graph_gives_back_every_weight(train_model: Make, tmp_path: Path) -> None:
    model = train_model("llama")
    network = read_weights(save(model, "fp32", tmp_path))
    expected = {k: v for k, v in model.state_dict().items() if k != "lm_head.weight"}
    assert network.weights.keys() == expected.keys()
    for name, tensor in expected.items():
        assert np.array_equal(network.weights[name], tensor.numpy()), name
    for fact in ("head_dim", "num_key_value_heads", "rms_norm_eps", "max_position_embeddings"):
        assert getattr(network.config, fact) == pytest.approx(getattr(model.config, fact))
    assert (
        network.config.rope_parameters["rope_theta"] == model.config.rope_parameters["rope_theta"]
    )


@pytest.mark.parametrize("precision", ["int8", "int8_blocks", "int4"])
def test_rounding_what_was_rounded_gives_the_same_codes(
    precision: Precision, train_model: Make, tmp_path: Path
) -> None:
    path = save(train_model("llama"), precision, tmp_path)
    first = {tensor.name: tensor for tensor in onnx.load(path).graph.initializer}
    again = build_graph(read_weights(path), precision).graph.initializer
    for tensor in again:
        if tensor.name.endswith(".codes"):
            assert tensor.raw_data == first[tensor.name].raw_data, tensor.name


def test_the_checkpoint_of_a_quantized_graph_writes_its_greedy_tokens_in_pytorch(
    train_model: Make, small_tokenizer: Tokenizer, small_corpus: list[str], tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    network = read_weights(save(train_model("llama"), "int8", tmp_path))
    write_checkpoint(network, tmp_path / "checkpoint")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint").eval()
    onnx.save(build_graph(network, "fp32"), tmp_path / "again.onnx")
    prompt = encode(small_tokenizer, small_corpus[0][6000:6300])
    decoder = OnnxDecoder(open_session(tmp_path / "again.onnx", threads=1))
    assert compare_greedy(model, decoder, [prompt], 40).mismatches == 0


def test_a_graph_of_another_architecture_is_a_clear_error(make_model: Make, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="expected a llama-style graph .* architecture llama"):
        read_weights(save(make_model("gpt2"), "fp32", tmp_path))


def test_heads_are_interleaved_as_ggml_rotates_them(train_model: Make, tmp_path: Path) -> None:
    config = read_weights(save(train_model("llama"), "fp32", tmp_path)).config
    rows = np.arange(64, dtype=np.float32)[:, None].repeat(2, 1)
    turned = interleave_heads(config, "model.layers.0.self_attn.q_proj.weight", rows)[:, 0]
    assert turned[:6].tolist() == [0, 16, 1, 17, 2, 18]
    assert turned[32:36].tolist() == [32, 48, 33, 49]
    assert interleave_heads(config, "model.layers.0.self_attn.v_proj.weight", rows) is rows
    assert gguf_name("model.layers.3.mlp.down_proj.weight") == "blk.3.ffn_down.weight"
    assert (whole_blocks(688), whole_blocks(64)) == (704, 64)


def test_a_gguf_file_reads_back_as_the_weights(train_model: Make, tmp_path: Path) -> None:
    import gguf

    from trainer.export.peers.formats import write_gguf

    network = read_weights(save(train_model("llama"), "fp32", tmp_path))
    for kind, allowed in (("f32", 0.0), ("q8_0", 1 / 120)):
        path = tmp_path / f"{kind}.gguf"
        write_gguf(network, path, kind)
        tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
        assert len(tensors) == len(network.weights)
        name = "model.layers.1.mlp.gate_proj.weight"
        stored = tensors[gguf_name(name)]
        read = gguf.quants.dequantize(stored.data, stored.tensor_type)
        expected = network.weights[name]
        assert np.abs(read - expected).max() <= allowed * np.abs(expected).max()


def test_a_requantized_bundle_loads_and_says_its_precision(
    small_bundle: Path, tmp_path: Path
) -> None:
    bundle = requantize(small_bundle, tmp_path / "int4", "int4")
    assert bundle.manifest.precision == "int4"
    assert "graph is int4, made by" in (bundle.folder / "MODEL_CARD.md").read_text()
    before = (small_bundle / "model.onnx").stat().st_size
    assert (bundle.folder / "model.onnx").stat().st_size < before
    same = requantize(small_bundle, tmp_path / "int8", "int8")
    assert isinstance(read_weights(same.model_path), NetworkWeights)
    assert before == same.model_path.stat().st_size
