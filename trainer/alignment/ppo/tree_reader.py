"""Runs the model over prompts and their continuations with a shared KV cache.

Prompts are padded on the left, so that every completion starts in the same column. Positions count
from each prompt's own start, and nothing looks at padding. Of the texts behind a prompt each
beginning is read once; it sees the prompt and what it goes on from.

Shapes: G prompts, P tokens of the longest, R beginnings that are gone on with, N of them at most to
a prompt, S columns so far, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lsp_server.contract.prompt import Sentinel

MOST_OPEN = 0.8
"""Share of the cache's prompts that are still written at, above which the others stay in it."""

Ids = Sequence[int]


@dataclass(frozen=True, slots=True)
class PaddedPrompts:
    """Prompts as one matrix."""

    ids_GP: Tensor
    mask_GP: Tensor
    """True on tokens, false on the padding to their left."""


def pad_prompts(prompts: Sequence[Ids], device: torch.device) -> PaddedPrompts:
    """Prompts side by side, their ends in one column."""
    longest = max(map(len, prompts))
    ids_GP = torch.full((len(prompts), longest), int(Sentinel.PAD))
    mask_GP = torch.zeros_like(ids_GP, dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        ids_GP[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask_GP[row, longest - len(prompt) :] = True
    return PaddedPrompts(ids_GP.to(device), mask_GP.to(device))


def positions_of(mask: Tensor) -> Tensor:
    """Each token's place, counted from its row's first; 0 on padding before it."""
    return (mask.cumsum(1) - 1).clamp(min=0)


def prompt_sight(mask_GP: Tensor) -> Tensor:
    """`[G, P, P]`, true where a token of a prompt may look: back. Padding sees itself."""
    itself_PP = torch.eye(mask_GP.shape[1], dtype=torch.bool, device=mask_GP.device)
    return mask_GP[:, None].expand(-1, len(itself_PP), -1).tril() | itself_PP


class Reader:
    """A model that has read its prompts, and reads what they are gone on with token by token."""

    def __init__(self, model: Any, prompts: PaddedPrompts) -> None:
        from transformers import DynamicCache

        self._model = model
        self._cache = DynamicCache(config=model.config)
        positions_GP, sight_GPP = positions_of(prompts.mask_GP), prompt_sight(prompts.mask_GP)
        logits_G1V = self._read(prompts.ids_GP, positions_GP, sight_GPP, last=1)
        self._next_G = prompts.mask_GP.sum(1)
        self._row_of = {group: group for group in range(len(prompts.ids_GP))}
        """In the cache, of each prompt that is still in it."""
        self._slots = [0] * len(prompts.ids_GP)
        """Of each row that was read last, its place among those of its prompt."""
        self._sight_GNS = prompts.mask_GP[:, None]
        """What these may look at."""
        self.logits_GV = logits_G1V[:, 0].float()

    def go_on(self, groups: Sequence[int], parents: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Read a token behind each of some rows of the last step; what is said after it, `[R, V]`.

        `groups`: the prompts that they belong to, in ascending order; `parents`: their rows.
        """
        self._drop_ended(groups)
        slots = [0] * len(groups)
        for row in range(1, len(groups)):
            slots[row] = slots[row - 1] + 1 if groups[row] == groups[row - 1] else 0
        shape = len(self._row_of), max(slots) + 1
        device = self._next_G.device
        rows = torch.tensor([self._row_of[group] for group in groups], device=device)
        at = rows, torch.tensor(slots, device=device)
        ids_GN = torch.full(shape, int(Sentinel.PAD), device=device)
        ids_GN[at] = torch.tensor(tokens, device=device)
        parent_GN = torch.zeros(shape, dtype=torch.long, device=device)
        parent_GN[at] = torch.tensor([self._slots[row] for row in parents], device=device)
        rows_G1 = torch.arange(shape[0], device=device)[:, None]
        itself_NN = torch.eye(shape[1], dtype=torch.bool, device=device)
        itself_GNN = itself_NN.expand(shape[0], -1, -1)
        self._sight_GNS = torch.cat([self._sight_GNS[rows_G1, parent_GN], itself_GNN], dim=2)
        positions_GN = self._next_G[:, None].expand(shape)
        logits_GNV = self._read(ids_GN, positions_GN, self._sight_GNS)
        self._next_G, self._slots = self._next_G + 1, slots
        return logits_GNV[at].float()

    def _drop_ended(self, groups: Sequence[int]) -> None:
        """Forget the prompts that are not among `groups`, where they are many."""
        still = list(dict.fromkeys(groups))
        if len(still) > MOST_OPEN * len(self._row_of):
            return
        kept = torch.tensor([self._row_of[group] for group in still], device=self._next_G.device)
        self._cache.batch_select_indices(kept)
        self._next_G, self._sight_GNS = self._next_G[kept], self._sight_GNS[kept]
        self._row_of = {group: row for row, group in enumerate(still)}

    def _read(
        self, ids_GN: Tensor, positions_GN: Tensor, sight_GNS: Tensor, last: int = 0
    ) -> Tensor:
        """Logits of the `last` columns, of all for 0."""
        logits_GNV: Tensor = self._model(
            input_ids=ids_GN,
            attention_mask=sight_GNS[:, None],
            position_ids=positions_GN,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=last,
        ).logits
        return logits_GNV
