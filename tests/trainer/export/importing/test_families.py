"""Every architecture: the graph and the float64 reference give transformers' numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsp_server.engines.decoder import OnnxDecoder, open_session
from tests.trainer.export.importing.zoo import VOCABULARY, ZOO, checkpoint, make_model
from trainer.errors import ImportModelError
from trainer.export.importing.decoder.families import make_decoder
from trainer.export.importing.decoder.graph_file import write_graph
from trainer.export.importing.gate import LARGEST_DIVERGENCE, compare
from trainer.export.importing.reference.logits import reference_logits
from trainer.export.parity import LARGEST_DEVIATION, compare_greedy

IDS = np.random.default_rng(0).integers(7, VOCABULARY, 200).tolist()
KNOWN = np.arange(VOCABULARY)


def torch_logits(model: Any, ids: list[int]) -> Any:
    """transformers' logits [T, V]."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids])).logits[0].double().numpy()


def open_graph(model: Any, precision: Any, folder: Path) -> OnnxDecoder:
    """The graph of a transformers model, as it is imported."""
    config, tensors = checkpoint(model)
    path = write_graph(make_decoder(config, tensors, 512), precision, folder)
    return OnnxDecoder(open_session(path, threads=1))


@pytest.mark.parametrize("name", ZOO)
def test_graph_and_reference_give_transformers_logits(name: str, tmp_path: Path) -> None:
    model = make_model(name)
    expected_TV = torch_logits(model, IDS)
    decoder = open_graph(model, "fp32", tmp_path)
    parity = compare(decoder, [expected_TV], [IDS], KNOWN)
    assert parity.deviation < LARGEST_DEVIATION / 10
    found_TV = reference_logits(*checkpoint(model), IDS)
    assert np.abs(found_TV - expected_TV).max() < LARGEST_DEVIATION / 10 * expected_TV.std()


@pytest.mark.parametrize("name", ["qwen2", "gpt_neox", "codegen", "gemma2"])
@pytest.mark.parametrize("precision", ["int8_rows", "int8_blocks", "int8"])
def test_a_graph_in_8_bits_stays_within_the_gate(name: str, precision: str, tmp_path: Path) -> None:
    model = make_model(name)
    decoder = open_graph(model, precision, tmp_path)
    parity = compare(decoder, [torch_logits(model, IDS)], [IDS], KNOWN)
    assert 0 < parity.divergence < LARGEST_DIVERGENCE


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_greedy_tokens_are_transformers_over_64_steps_after_20_prompts(
    name: str, tmp_path: Path
) -> None:
    model = make_model(name)
    decoder = open_graph(model, "fp32", tmp_path)
    rng = np.random.default_rng(1)
    prompts = [rng.integers(7, VOCABULARY, count).tolist() for count in range(5, 405, 20)]
    parity = compare_greedy(model, decoder, prompts, 64)
    assert (parity.prompts, parity.steps, parity.mismatches) == (20, 1280, 0)


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("llama", "new_kind_of_norm", "double"),
        ("llama", "hidden_act", "mish"),
        ("llama", "rope_parameters", {"rope_type": "longrope", "rope_theta": 1e4}),
        ("llama", "rope_parameters", {"rope_theta": 1e4, "spiral": 2}),
        ("llama", "pretraining_tp", 2),
        ("gpt2", "add_cross_attention", True),
        ("qwen2", "model_type", "mamba"),
    ],
)
def test_what_is_not_understood_of_a_configuration_is_refused_by_its_name(
    name: str, setting: str, value: object
) -> None:
    config, tensors = checkpoint(make_model(name))
    named = next(iter(value)) if isinstance(value, dict) else setting
    named = "spiral" if isinstance(value, dict) and "spiral" in value else named
    with pytest.raises(ImportModelError, match=named):
        make_decoder({**config, setting: value}, tensors, 512)


def test_a_tensor_too_many_or_too_few_is_refused_by_its_name() -> None:
    config, tensors = checkpoint(make_model("llama"))
    with pytest.raises(ImportModelError, match=r"layers\.2\.mlp\.router\.weight besides"):
        make_decoder(
            config, {**tensors, "model.layers.2.mlp.router.weight": np.zeros(2, np.float32)}, 512
        )
    del tensors["model.layers.1.mlp.up_proj.weight"]
    with pytest.raises(ImportModelError, match=r"expected a tensor model\.layers\.1\.mlp\.up_proj"):
        make_decoder(config, tensors, 512)
