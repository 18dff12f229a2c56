"""Natural gradient on one layer, where what a step costs can be told exactly."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from trainer.alignment.ppo import natural_gradient as natural
from trainer.alignment.ppo.formulas import forward_kl
from trainer.alignment.ppo.natural_gradient import Drawn, NaturalGradient, measure_metrics

INTO, OUT_OF, WORDS, TOKENS = 6, 5, 7, 4000


class OneLayer(nn.Module):
    """Each token is a row of numbers, of which some vary far more than others."""

    def __init__(self, transposed: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(OUT_OF, WORDS)
        self.rows = torch.randn(TOKENS, INTO) * torch.logspace(-0.5, 0.5, INTO)
        self.layer = Conv1D(OUT_OF, INTO) if transposed else nn.Linear(INTO, OUT_OF, bias=False)
        nn.init.zeros_(self.layer.weight)  # all tokens alike: the Fisher matrix is the product

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def logits(self, ids: Tensor) -> Tensor:
        found: Tensor = self.head(self.layer(self.rows[ids]))
        return found


def passes(model: OneLayer) -> Iterator[Drawn]:
    randomness = torch.Generator().manual_seed(1)
    for ids in torch.arange(TOKENS).view(4, -1):
        logprobs = model.logits(ids).log_softmax(-1)
        words = torch.multinomial(logprobs.detach().exp(), 1, generator=randomness)
        yield Drawn(logprobs.gather(1, words).sum(), len(ids))


def step_along(model: OneLayer, gradient: Tensor, rate: float) -> Tensor:
    """The layer's weight after one step, as `[O, I]`."""
    metrics = measure_metrics(model, passes(model))
    optimizer = NaturalGradient(metrics, rate, momentum=0.0)
    weight: Any = model.layer.weight
    transposed = isinstance(model.layer, Conv1D)
    weight.grad = gradient.T.clone() if transposed else gradient.clone()
    optimizer.step()
    after: Tensor = weight.detach()
    return after.T if transposed else after


@pytest.mark.parametrize("seed", range(3))
def test_a_step_costs_half_its_squared_length_in_nats(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(natural, "DAMPING", 1e-6)  # which makes steps shorter, for safety
    gradient = torch.randn(OUT_OF, INTO, generator=torch.Generator().manual_seed(seed))
    model, moved = OneLayer(), OneLayer()

    step_along(moved, gradient, rate=0.1)

    every = torch.arange(TOKENS)
    with torch.no_grad():
        cost = forward_kl(model.logits(every), moved.logits(every)).mean()
    assert float(cost) == pytest.approx(0.1**2 / 2, rel=0.15)


def test_the_size_of_a_gradient_does_not_matter_and_none_makes_no_step() -> None:
    gradient = torch.randn(OUT_OF, INTO, generator=torch.Generator().manual_seed(3))
    start = OneLayer().layer.weight.detach()

    small, large = (step_along(OneLayer(), f * gradient, 0.1) for f in (1e-6, 1e3))

    torch.testing.assert_close(small, large, rtol=1e-4, atol=1e-6)
    assert not torch.equal(small, start)
    assert torch.equal(step_along(OneLayer(), 0 * gradient, 0.1), start)


def test_a_weight_that_lies_the_other_way_makes_the_same_step() -> None:
    gradient = torch.randn(OUT_OF, INTO, generator=torch.Generator().manual_seed(3))

    upright, lying = (step_along(OneLayer(turned), gradient, 0.1) for turned in (False, True))

    torch.testing.assert_close(lying, upright, rtol=1e-4, atol=1e-5)


def test_what_the_corpus_does_not_use_is_changed_most() -> None:
    gradient = torch.ones(OUT_OF, INTO)
    start = OneLayer().layer.weight.detach()

    moved = (step_along(OneLayer(), gradient, 0.1) - start).norm(dim=0)

    assert (moved.diff() < 0).all(), "the first channels hardly vary, the last ones most"
