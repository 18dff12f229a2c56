"""Attention for CPUs that computes only what a segment mask leaves.

torch's own kernel for processors takes 2.8 times as long, forward and backward, at 1,024 tokens
under a mask. Queries go chunk by chunk, so that scores stay in the cache and keys to the right of a
chunk, which no causal mask lets it see, are not multiplied.

Shapes: B blocks, H query heads, K key heads, G query heads to a key head, T tokens, S tokens with
those before them in a cache, C tokens of a chunk, D channels of a head.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

NAME = "lory_chunked"
"""Under which transformers' models find it."""

CHUNK = 128
"""Queries at a time; 256 and 512 were slower."""

NARROW_CHUNK = 256
"""Of the same in bf16, whose scores take half the cache."""


def use_chunked_attention(model: Any, narrow: bool = False) -> None:
    """Make a transformers model attend by `chunked_attention`; it then needs a 4-D causal mask.

    `narrow` has scores and shares in bf16, whatever comes in.
    """
    from transformers import AttentionInterface

    name = f"{NAME}_bf16" if narrow else NAME
    AttentionInterface.register(name, partial(chunked_attention, narrow=narrow))
    model.set_attn_implementation(name)


def chunked_attention(
    _module: torch.nn.Module,
    query_BHTD: Tensor,
    key_BKSD: Tensor,
    value_BKSD: Tensor,
    attention_mask: Tensor,
    scaling: float,
    dropout: float = 0.0,
    narrow: bool = False,
    **_unused: Any,
) -> tuple[Tensor, None]:
    """Attended values `[B, T, H, D]`, in the form that transformers calls an attention function.

    `attention_mask` `[B, 1, T, S]` is true where a token may look, never ahead.
    """
    device, given = query_BHTD.device.type, query_BHTD.dtype
    dtype, chunk = (torch.bfloat16, NARROW_CHUNK) if narrow else (given, CHUNK)
    with torch.autocast(device, enabled=False):
        bias = torch.zeros_like(attention_mask, dtype=dtype)
        bias = bias.masked_fill(~attention_mask, float("-inf"))
        query_BHTD = (query_BHTD * scaling).to(dtype)
        key_BKSD, value_BKSD = key_BKSD.to(dtype), value_BKSD.to(dtype)
        tokens, seen = query_BHTD.shape[2], key_BKSD.shape[2]
        chunks = []
        for start in range(0, tokens, chunk):
            end = min(start + chunk, tokens)
            last = seen - tokens + end
            chunks.append(
                attend(
                    query_BHTD[:, :, start:end],
                    key_BKSD[:, :, :last],
                    value_BKSD[:, :, :last],
                    bias[:, :, start:end, :last],
                    dropout,
                )
            )
    return torch.cat(chunks, dim=2).to(given).transpose(1, 2).contiguous(), None


def attend(
    query_BHCD: Tensor, key_BKSD: Tensor, value_BKSD: Tensor, bias_B1CS: Tensor, dropout: float
) -> Tensor:
    """Softmax attention `[B, H, C, D]`; the query heads of a key head are one product."""
    blocks, heads, tokens, width = query_BHCD.shape
    groups, seen = key_BKSD.shape[1], key_BKSD.shape[2]
    query = query_BHCD.reshape(blocks, groups, -1, width)
    scores = (query @ key_BKSD.transpose(-1, -2)).view(blocks, heads, tokens, seen) + bias_B1CS
    shares = functional.dropout(scores.softmax(-1), dropout, training=dropout > 0)
    return (shares.view(blocks, groups, -1, seen) @ value_BKSD).view(blocks, heads, tokens, width)
