"""Natural-gradient steps (K-FAC), sized by how much predictions change.

A plain gradient step goes where the loss falls fastest per unit of weight. A natural step goes
where it falls fastest per unit of change in the predictions, measured by their Fisher information
on text of the corpus and of the policy: a small step's KL divergence is half its length squared.
The Fisher matrix of a layer is approximated by the Kronecker product of two small matrices, one of
the layer's inputs and one of the gradients at its outputs (K-FAC, Martens and Grosse 2015; in
reinforcement learning ACKTR, Wu et al. 2017). It is measured once, at the weights that tuning
starts with, because the policy stays near them.

Shapes: I channels into a layer, O out of it, T tokens.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

DAMPING = 0.01
"""Of a factor's mean diagonal, added to its diagonal: directions that the text hardly shows would
otherwise look free of charge."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a layer's weight costs: the inverses of the two factors of its Fisher matrix."""

    weight: nn.Parameter
    transposed: bool
    """Whether the weight is `[I, O]`, as GPT-2's are, and not `[O, I]`."""
    into_II: Tensor
    out_of_OO: Tensor

    def natural_gradient(self, gradient: Tensor) -> Tensor:
        """The inverse Fisher matrix times a gradient of the weight."""
        left, right = self.out_of_OO, self.into_II
        if self.transposed:
            left, right = right, left
        found: Tensor = left @ gradient @ right
        return found


class Factors:
    """Sums over tokens of what passes through a layer, and of the gradients that come back."""

    def __init__(self, layer: Any, transposed: bool) -> None:
        self.layer, self._transposed = layer, transposed
        into, out_of = layer.weight.shape if transposed else layer.weight.shape[::-1]
        device = layer.weight.device
        self._rows = 0
        self._into_II = torch.zeros(into, into, device=device)
        self._out_of_OO = torch.zeros(out_of, out_of, device=device)

    def note(self, _layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        """A forward hook; a pass without gradients, to draw something, does not count."""
        if not out.requires_grad:
            return
        rows_TI = given[0].detach().flatten(0, -2).float()
        self._rows += len(rows_TI)
        self._into_II += rows_TI.T @ rows_TI
        out.register_hook(self._note_gradient)  # type: ignore[no-untyped-call]

    def _note_gradient(self, gradient: Tensor) -> None:
        rows_TO = gradient.detach().flatten(0, -2).float()
        self._out_of_OO += rows_TO.T @ rows_TO

    def metric(self, places: int) -> Metric:
        """After text of which `places` had a loss."""
        into_II, out_of_OO = invert(self._into_II / self._rows), invert(self._out_of_OO / places)
        return Metric(self.layer.weight, self._transposed, into_II, out_of_OO)


def invert(matrix: Tensor) -> Tensor:
    """The inverse, after damping, in the matrix's precision."""
    wide = matrix.double()
    damping = DAMPING * wide.diagonal().mean() + torch.finfo(torch.float32).tiny
    wide.diagonal().add_(damping)
    inverse: Tensor = torch.linalg.inv(wide)
    return inverse.to(matrix.dtype)


def factors_of(model: Any) -> list[Factors]:
    """Of the matrix products inside a transformers model: no embedding, no head, no norm."""
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    return [
        Factors(module, isinstance(module, Conv1D))
        for module in model.modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head
    ]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Text that the model has drawn itself, and what it says of that."""

    logprob: Tensor
    """Of all that was drawn, with its gradient; scalar."""
    places: int
    """That were drawn."""


def measure_metrics(model: Any, passes: Iterable[Drawn]) -> list[Metric]:
    """The metric of every layer at the model's weights, from passes that are made one by one.

    With what a person wrote in place of what the model draws it would not be the Fisher matrix
    (Kunstner, Balles and Hennig 2019).
    """
    every = factors_of(model)
    weights = [factors.layer.weight for factors in every]
    hooks = [factors.layer.register_forward_hook(factors.note) for factors in every]
    places = 0
    for drawn in passes:
        torch.autograd.grad(drawn.logprob, weights)
        places += drawn.places
    for hook in hooks:
        hook.remove()
    return [factors.metric(places) for factors in every]


class NaturalGradient(torch.optim.Optimizer):
    """Steps of a given length in the metric of the Fisher matrix, with momentum.

    A step of rate r changes what is said of the text that was measured on by about r * r / 2 nats
    of KL divergence a token, whatever the size of the gradient; many steps one way by more.
    """

    def __init__(self, metrics: Sequence[Metric], rate: float, momentum: float = 0.9) -> None:
        weights = [metric.weight for metric in metrics]
        super().__init__(weights, {"lr": rate, "peak": rate, "momentum": momentum})
        self._metrics = metrics

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along the gradients that there are; none where all of them are 0."""
        (group,) = self.param_groups
        steps, square = [], 0.0
        for metric in self._metrics:
            gradient = metric.weight.grad
            if gradient is not None:
                steps.append((metric.weight, metric.natural_gradient(gradient)))
                square += float((gradient * steps[-1][1]).sum())
        scale = square**-0.5 if square > 0 else 0.0
        for weight, step in steps:
            mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
            mean.lerp_(step * scale, 1 - group["momentum"])
            weight.sub_(mean, alpha=group["lr"])
