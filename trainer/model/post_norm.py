"""Turns a GPT-2 network into GPT-1's order: layer norm after each sub-layer.

GPT-2 (Radford et al. 2019) moved layer norm to the input of each sub-block and added one after the
last block. Undoing both gives the order of GPT-1 (Radford et al. 2018).
"""

from typing import Any

import torch
from torch import nn


class PostNormBlock(nn.Module):
    """Attention and MLP of a GPT-2 block, each followed by residual sum, then layer norm."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.ln_1 = block.ln_1
        self.attn = block.attn
        self.ln_2 = block.ln_2
        self.mlp = block.mlp

    def forward(
        self,
        hidden_BTD: torch.Tensor,
        past_key_values: Any = None,
        attention_mask: torch.Tensor | None = None,
        *_encoder: Any,
        use_cache: bool = False,
        encoder_attention_mask: torch.Tensor | None = None,
        **rest: Any,
    ) -> torch.Tensor:
        """Hidden states after the block; called the way transformers calls its own GPT-2 block."""
        attended_BTD, _ = self.attn(
            hidden_BTD,
            past_key_values=past_key_values,
            attention_mask=attention_mask,
            use_cache=use_cache,
            **rest,
        )
        hidden_BTD = self.ln_1(hidden_BTD + attended_BTD)
        normed_BTD: torch.Tensor = self.ln_2(hidden_BTD + self.mlp(hidden_BTD))
        return normed_BTD


def move_norms_after(model: Any) -> None:
    """Rewire a GPT2LMHeadModel, in place, to GPT-1's order."""
    transformer = model.transformer
    transformer.h = nn.ModuleList(PostNormBlock(block) for block in transformer.h)
    transformer.ln_f = nn.Identity()
