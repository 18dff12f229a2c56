"""Which parameters decay, which go to Muon, and how rates are set."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from trainer.pretraining.config import PretrainConfig
from trainer.pretraining.optimizer import build_optimizers, set_memory, set_rates


def names_where(model: Any, chosen: list[torch.nn.Parameter]) -> set[str]:
    kept = {id(parameter) for parameter in chosen}
    return {name for name, parameter in model.named_parameters() if id(parameter) in kept}


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt1"])
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_parameter_is_optimized_once_and_norms_and_biases_do_not_decay(
    make_model: Callable[[str], Any], kind: str, optimizer: Any
) -> None:
    model = make_model(kind)
    optimizers = build_optimizers(model, PretrainConfig(optimizer=optimizer))
    groups = [group for found in optimizers for group in found.param_groups]
    everything = [parameter for group in groups for parameter in group["params"]]
    assert len({id(p) for p in everything}) == len(everything) == len(list(model.parameters()))
    for group in groups:
        assert (group["weight_decay"] == 0) == all(p.ndim < 2 for p in group["params"])


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_muon_has_the_matrices_of_the_blocks_and_neither_embedding_nor_head(
    make_model: Callable[[str], Any], kind: str
) -> None:
    model = make_model(kind)
    muon, adamw = build_optimizers(model, PretrainConfig(optimizer="muon"))
    in_muon = names_where(model, muon.param_groups[0]["params"])
    assert in_muon
    assert all(".layers." in name or ".h." in name for name in in_muon)
    in_adamw = names_where(model, adamw.param_groups[0]["params"])
    assert in_adamw == {n for n, p in model.named_parameters() if p.ndim == 2} - in_muon


def test_rates_are_the_peaks_times_the_factor(make_model: Callable[[str], Any]) -> None:
    config = PretrainConfig(learning_rate=4e-3, muon_learning_rate=0.02)
    muon, adamw = build_optimizers(make_model("llama"), config)
    for factor in (0.5, 0.25):
        set_rates([muon, adamw], factor)
        assert muon.param_groups[0]["lr"] == 0.02 * factor
        assert [group["lr"] for group in adamw.param_groups] == [4e-3 * factor] * 2


def test_adamw_forgets_half_of_its_squares_in_as_many_tokens_whatever_the_batch(
    make_model: Callable[[str], Any],
) -> None:
    optimizers = build_optimizers(make_model("llama"), PretrainConfig(betas=(0.9, 0.97)))
    adamw = optimizers[-1]
    set_memory(optimizers, 8192, half_life_tokens=0)
    assert [group["betas"] for group in adamw.param_groups] == [(0.9, 0.97)] * 2
    for batch_tokens in (1024, 8192):
        set_memory(optimizers, batch_tokens, half_life_tokens=65_536)
        for group in adamw.param_groups:
            assert group["betas"][0] == 0.9
            assert group["betas"][1] ** (65_536 // batch_tokens) == pytest.approx(0.5)
