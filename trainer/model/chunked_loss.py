"""Computes logits and loss in chunks that fit a CPU's cache.

A whole batch of logits is written and read some ten times between the head and its gradient. Here
the gradient is made where the logits are, in the forward pass, and the backward pass scales it.

Shapes: N tokens, C of them at a time, D channels, V vocabulary.
"""

from typing import Any

import torch
from torch import Tensor

CHUNK = 1024
"""Rows of logits at a time; 256 were slower."""


class ChunkedLoss(torch.autograd.Function):
    """Nats of all targets, each times its weight; a weight of 0 stands for no target."""

    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, head_VD: Tensor, targets_N: Tensor, weights_N: Tensor
    ) -> Tensor:
        """The sum, with the gradients towards hidden states and head kept for the backward pass."""
        dtype = product_type(hidden_ND)
        states_ND, matrix_VD = hidden_ND.detach().to(dtype), head_VD.detach().to(dtype)
        slope_ND, slope_VD = torch.empty_like(states_ND), torch.zeros_like(head_VD)
        total = torch.zeros((), device=hidden_ND.device)
        with torch.autocast(hidden_ND.device.type, enabled=False):
            for start in range(0, len(targets_N), CHUNK):
                part = slice(start, start + CHUNK)
                logits_CV = (states_ND[part] @ matrix_VD.T).float()
                total += replace_by_slope(logits_CV, targets_N[part], weights_N[part])
                back_CV = logits_CV.to(dtype)
                slope_ND[part] = back_CV @ matrix_VD
                slope_VD += back_CV.T @ states_ND[part]
        ctx.save_for_backward(slope_ND.to(hidden_ND.dtype), slope_VD)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        """The kept gradients times that of the sum."""
        slope_ND, slope_VD = ctx.saved_tensors
        return slope_ND * outer[0], slope_VD * outer[0], None, None


def product_type(hidden_ND: Tensor) -> torch.dtype:
    """What matrices are multiplied in here: what autocast says, or what comes in."""
    device = hidden_ND.device.type
    return (
        torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden_ND.dtype
    )


def replace_by_slope(logits_CV: Tensor, targets_C: Tensor, weights_C: Tensor) -> Tensor:
    """The weighted nats of rows of logits, which become their gradient: shares less the truth."""
    highest_C1 = logits_CV.amax(1, keepdim=True)
    logits_CV -= highest_C1
    own_C = logits_CV.gather(1, targets_C[:, None])[:, 0]
    sums_C = logits_CV.exp_().sum(1)
    logits_CV *= (weights_C / sums_C)[:, None]
    logits_CV[torch.arange(len(targets_C), device=targets_C.device), targets_C] -= weights_C
    return ((sums_C.log() - own_C) * weights_C).sum()
