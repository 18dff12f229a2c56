"""Low-rank adapters (Hu et al. 2021) beside all matrices of a network's blocks.

Shapes: N and K a matrix's outputs and inputs, R the adapter's rank.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import ImportModelError
from trainer.export.importing.sources.adapter import STRENGTH


class Adapted(nn.Module):
    """A linear layer that is kept as it is, and what is learned beside it."""

    def __init__(self, base: nn.Linear, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base
        drawn = torch.randn(rank, base.in_features, generator=generator)
        self.a_RK = nn.Parameter(drawn / math.sqrt(base.in_features))
        self.b_NR = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """base(x) + STRENGTH * B A x."""
        low: Tensor = nn.functional.linear(x, self.a_RK.to(x.dtype))
        beside = nn.functional.linear(low, self.b_NR.to(x.dtype))
        output: Tensor = self.base(x) + STRENGTH * beside
        return output


def adapt(model: Any, rank: int, seed: int) -> dict[str, nn.Parameter]:
    """Put adapters beside every linear layer of the blocks; gives what is learned, by name.

    All else stays as it is, in bfloat16. Raises ImportModelError where there are none, as in GPT-2.
    """
    generator = torch.Generator().manual_seed(seed)
    model.requires_grad_(False)
    learned: dict[str, nn.Parameter] = {}
    for name, layer in list(linear_layers(model)):
        layer.weight.data = layer.weight.data.bfloat16()
        if layer.bias is not None:
            layer.bias.data = layer.bias.data.bfloat16()
        adapted = Adapted(layer, rank, generator)
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, adapted)
        learned |= {f"{name}.a": adapted.a_RK, f"{name}.b": adapted.b_NR}
    if not learned:
        raise ImportModelError(
            f"{type(model).__name__}: expected linear layers in its blocks, found none; "
            "adapters for this architecture cannot be learned yet"
        )
    return learned


def linear_layers(model: Any) -> Iterator[tuple[str, nn.Linear]]:
    """The linear layers of the blocks, not the head."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and any(part.isdigit() for part in name.split(".")):
            yield name, module
