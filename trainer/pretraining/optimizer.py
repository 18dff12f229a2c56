"""Builds the optimizers: AdamW, alone or beside Muon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer.pretraining.config import PretrainConfig

if TYPE_CHECKING:
    import torch


def build_optimizers(model: torch.nn.Module, config: PretrainConfig) -> list[torch.optim.Optimizer]:
    """The run's optimizers, in the order in which a checkpoint keeps their states.

    Weight decay falls on matrices and embeddings and spares norms and biases. With `muon`, the 2-D
    matrices of the blocks go to Muon (Jordan et al. 2024); embeddings, tied head, norms and biases
    stay with AdamW. Each parameter group carries its peak rate as `peak`.
    """
    import torch

    embeddings = {
        id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)
    }
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    blocks = [p for p in parameters if p.ndim == 2 and id(p) not in embeddings]
    spared = [p for p in parameters if p.ndim < 2]
    decayed = [p for p in parameters if id(p) in embeddings]
    optimizers: list[torch.optim.Optimizer] = []
    if config.optimizer == "muon" and blocks:
        optimizers.append(
            torch.optim.Muon(
                blocks,
                lr=config.muon_learning_rate,
                momentum=config.muon_momentum,
                weight_decay=config.weight_decay,
            )
        )
    else:
        decayed = decayed + blocks
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    adamw = torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)
    optimizers.append(adamw)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def set_rates(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    """Every group's rate becomes its peak times `factor`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


def set_memory(
    optimizers: list[torch.optim.Optimizer], batch_tokens: int, half_life_tokens: int
) -> None:
    """AdamW's mean of squares forgets half in so many tokens, at a step of `batch_tokens`.

    0 leaves it as it is.
    """
    if not half_life_tokens:
        return
    kept = 0.5 ** (batch_tokens / half_life_tokens)
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        if "betas" in group:
            group["betas"] = (group["betas"][0], kept)
