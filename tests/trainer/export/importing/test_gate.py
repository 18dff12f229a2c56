"""The gate sees each known way of wiring a model wrongly, which greedy tokens do not show."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lsp_server.engines.decoder import OnnxDecoder, open_session
from tests.trainer.export.importing.zoo import VOCABULARY, ZOO, checkpoint, make_model
from trainer.errors import ImportModelError
from trainer.export.importing.decoder.collected import only_layers
from trainer.export.importing.decoder.families import make_decoder
from trainer.export.importing.decoder.graph_file import write_graph
from trainer.export.importing.decoder.rotary import make_table
from trainer.export.importing.decoder.shape import FINAL_NORM, Decoder, Weights, layer_norm_names
from trainer.export.importing.gate import (
    check_float,
    check_quantized,
    compare,
    find_reference,
)
from trainer.export.importing.reference.logits import reference_logits

IDS = np.random.default_rng(0).integers(7, VOCABULARY, 150).tolist()
KNOWN = np.arange(VOCABULARY)
Mutation = Callable[[Decoder], Decoder]


def shaped(**settings: object) -> Mutation:
    """Another switch."""
    return lambda decoder: replace(decoder, shape=replace(decoder.shape, **settings))  # type: ignore[arg-type]


def weighted(change: Callable[[str, Weights], Weights]) -> Mutation:
    """Other weights."""
    return lambda decoder: replace(
        decoder, weights={name: change(name, array) for name, array in decoder.weights.items()}
    )


def turned(base: float) -> Mutation:
    """Another base of rotary positions."""
    rope = {"rope_type": "default", "rope_theta": base}

    def mutate(decoder: Decoder) -> Decoder:
        width = decoder.shape.width
        return replace(decoder, rotary=(make_table(rope, width, width, 512),))

    return mutate


def scaled(factor: float) -> Mutation:
    """Attention's scale times a factor."""
    return lambda d: shaped(scales=tuple(scale * factor for scale in d.shape.scales))(d)


def swapped(decoder: Decoder) -> Decoder:
    """Both norms of the first layer in each other's place."""
    first, second = layer_norm_names(0)
    weights = dict(decoder.weights)
    weights[first], weights[second] = weights[second], weights[first]
    return replace(decoder, weights=weights)


MUTATIONS: dict[str, tuple[str, Mutation]] = {
    "epsilon": ("llama", shaped(epsilon=1e-5)),
    "scale": ("llama", scaled(1.01)),
    "activation": ("gemma", shaped(activation="gelu")),
    "plain activation": ("gpt2", shaped(activation="gelu")),
    "inverse layer index ignored": ("gpt2-codeparrot", shaped(scales=(16**-0.5,) * 3)),
    "rotary base": ("llama", turned(10100.0)),
    "stretching ignored": ("llama-llama3", turned(500000.0)),
    "norm place": ("gpt2", shaped(place="after")),
    "norms swapped": ("llama", swapped),
    "norm kind": (
        "llama",
        lambda d: weighted(lambda name, array: array)(
            replace(
                d,
                shape=replace(d.shape, norm="layer"),
                weights={
                    **d.weights,
                    **{
                        f"{name}.bias": np.zeros(64, np.float32)
                        for name in d.weights
                        if name.endswith("norm")
                    },
                },
            )
        ),
    ),
    "biases left out": (
        "qwen2",
        weighted(lambda name, array: array * (0 if name.endswith("q_k_v.bias") else 1)),
    ),
    "head norms left out": ("qwen3", shaped(head_norms=False)),
    "window ignored": ("starcoder2", shaped(windows=())),
    "embedding scale ignored": ("gemma", shaped(embedding_scale=1.0)),
    "soft-cap of attention ignored": ("gemma2", shaped(attention_softcap=0.0)),
    "soft-cap of logits ignored": ("gemma2", shaped(logit_softcap=0.0)),
    "norm scale without its one": (
        "gemma",
        weighted(lambda name, array: array - (name == FINAL_NORM)),
    ),
    "logits scaled": (
        "granite",
        weighted(lambda name, array: array * np.float32(1.01 if name == FINAL_NORM else 1)),
    ),
    "rotary in all layers": ("smollm3", shaped(rotary=(0, 0, 0))),
    "serial for parallel": ("gpt_neox", shaped(parallel=False)),
    "norm of its own for both": ("gpt_neox", shaped(shared_norm=True)),
    "a layer left out": ("llama", shaped(layers=2)),
}


def measure(name: str, mutate: Mutation, folder: Path) -> object:
    """The gate's figures for a mutated import; raises as the gate does."""
    config, tensors = checkpoint(make_model(name))
    decoder = mutate(make_decoder(config, tensors, 512))
    path = write_graph(decoder, "fp32", folder)
    opened = OnnxDecoder(open_session(path, threads=1))
    parity = compare(opened, [reference_logits(config, tensors, IDS)], [IDS], KNOWN)
    check_float(parity)
    return parity


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_known_fault_of_an_import_fails_the_gate(mutation: str, tmp_path: Path) -> None:
    name, mutate = MUTATIONS[mutation]
    with pytest.raises(ImportModelError, match="deviations of the reference's"):
        measure(name, mutate, tmp_path)


def test_the_right_import_passes(tmp_path: Path) -> None:
    assert measure("llama", lambda decoder: decoder, tmp_path)


def test_rounding_that_costs_too_much_is_refused(tmp_path: Path) -> None:
    config, tensors = checkpoint(make_model("llama"))
    expected_TV = reference_logits(config, tensors, IDS) * 10
    rough = {name: np.round(array, 1) for name, array in tensors.items()}
    path = write_graph(make_decoder(config, rough, 512), "fp32", tmp_path)
    parity = compare(OnnxDecoder(open_session(path, 1)), [expected_TV], [IDS], KNOWN)
    with pytest.raises(ImportModelError, match="choose another --precision"):
        check_quantized(parity, "int4")


@pytest.mark.parametrize("name", ZOO)
def test_of_a_large_model_the_first_layers_are_compared(name: str) -> None:
    """Whatever a configuration lists for each layer is cut with them."""
    config, tensors = only_layers(*checkpoint(make_model(name)), 2)
    _, reference = find_reference(config, tensors)
    expected_TV = reference_logits(config, tensors, IDS)
    assert np.abs(reference(IDS) - expected_TV).max() < 1e-4 * expected_TV.std()


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox"])
def test_the_gate_asks_transformers_where_it_is_installed(name: str) -> None:
    config, tensors = checkpoint(make_model(name))
    label, reference = find_reference(config, tensors)
    expected_TV = reference_logits(config, tensors, IDS)
    assert label == "transformers"
    assert np.abs(reference(IDS) - expected_TV).max() < 1e-4 * expected_TV.std()
