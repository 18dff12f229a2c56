"""The training objective: next-token loss within each segment.

Shapes: B blocks, T tokens in a block, D channels, V vocabulary. A segment begins with `<|file|>`;
so its bounds, the attention mask and the position ids are all read off the ids.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lsp_server.contract.prompt import Sentinel
from trainer.model.chunked_loss import ChunkedLoss

FILE = int(Sentinel.FILE)
PAD = int(Sentinel.PAD)
"""Plain integers: torch.compile does not compare a tensor with an enumeration."""

IGNORED = -100
"""Target that has no loss: the start of the next segment, and padding."""


def segment_index(ids_BT: Tensor) -> Tensor:
    """Number of the segment that each token belongs to, `[B, T]`, counted from 1 in every block."""
    return (ids_BT == FILE).cumsum(1)


def attention_mask(ids_BT: Tensor) -> Tensor:
    """`[B, 1, T, T]`, true where a token may look: back, and within its own segment."""
    segment_BT = segment_index(ids_BT)
    tokens = ids_BT.shape[1]
    place_T = torch.arange(tokens, device=ids_BT.device)
    causal_TT = place_T[:, None] >= place_T[None, :]
    return ((segment_BT[:, :, None] == segment_BT[:, None, :]) & causal_TT)[:, None]


def position_ids(ids_BT: Tensor) -> Tensor:
    """`[B, T]`, counted from 0 at the start of every segment."""
    place_T = torch.arange(ids_BT.shape[1], device=ids_BT.device)
    start_BT = torch.where(ids_BT == FILE, place_T, torch.zeros_like(place_T))
    return place_T - start_BT.cummax(1).values


def next_tokens(ids_BT: Tensor) -> Tensor:
    """`[B, T]`, the token after each one; IGNORED where that is padding or a new segment."""
    after_BT = functional.pad(ids_BT[:, 1:], (0, 1), value=PAD)
    lossless = (after_BT == PAD) | (after_BT == FILE)
    return after_BT.masked_fill(lossless, IGNORED)


class Objective(nn.Module):
    """A language model with its loss: the one call that is compiled and run in parallel."""

    def __init__(self, model: Any, chunked: bool = False) -> None:
        super().__init__()
        self.model = model
        self.chunked = chunked

    def hidden(self, ids_BT: Tensor) -> Tensor:
        """What the trunk holds of each token, `[B, T, D]`."""
        output = self.model.base_model(
            input_ids=ids_BT,
            attention_mask=attention_mask(ids_BT),
            position_ids=position_ids(ids_BT),
            use_cache=False,
        )
        found: Tensor = output.last_hidden_state
        return found

    def logits(self, ids_BT: Tensor) -> Tensor:
        """What is said of the token after each one, `[B, T, V]`."""
        logits: Tensor = self.model.get_output_embeddings()(self.hidden(ids_BT))
        return logits.float()

    def losses(self, ids_BT: Tensor) -> Tensor:
        """Nats for predicting the token after each one, `[B, T]`; 0 where there is no target."""
        targets_BT = next_tokens(ids_BT)
        nats = functional.cross_entropy(
            self.logits(ids_BT).flatten(0, 1),
            targets_BT.flatten(),
            ignore_index=IGNORED,
            reduction="none",
        )
        return nats.view_as(targets_BT)

    def forward(self, ids_BT: Tensor, weights_B: Tensor) -> Tensor:
        """Sum of nats over all targets, each block's times its weight."""
        if self.chunked:
            return self.chunked_loss(ids_BT, weights_B)
        return (self.losses(ids_BT).sum(1) * weights_B).sum()

    def chunked_loss(self, ids_BT: Tensor, weights_B: Tensor) -> Tensor:
        """The same sum, without the logits of the whole batch at once."""
        targets_N = next_tokens(ids_BT).flatten()
        weights_N = weights_B[:, None].expand_as(ids_BT).flatten() * (targets_N != IGNORED)
        found: Tensor = ChunkedLoss.apply(  # type: ignore[no-untyped-call]
            self.hidden(ids_BT).flatten(0, 1),
            self.model.get_output_embeddings().weight,
            targets_N.clamp(min=0),
            weights_N,
        )
        return found
