"""Rollouts: takes a policy and prompts, gives completions that it samples, side by side.

Prompts are padded on the left, so that every completion starts in the same column; completions on
the right. Positions count from each prompt's own start, and nothing looks at padding.

Shapes: G prompts, B = G * copies rollouts, those of a prompt next to each other, R of them that are
still read, P tokens of the longest prompt, T tokens of a completion at most, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lsp_server.engines import StopReason, StopRule
from lsp_server.prompt import Sentinel, decode

OPEN_SHARE = 0.75
"""Where no more of the rows are open, the others are read no further: leaving them out has a price,
since the cache is copied."""

Ids = Sequence[int]
Randomness = torch.Generator | None
"""What samples are drawn from; None takes the likeliest token."""


@dataclass(frozen=True, slots=True)
class PaddedPrompts:
    """Prompts as one matrix."""

    ids_GP: Tensor
    mask_GP: Tensor
    """True on tokens, false on the padding to their left."""


@dataclass(frozen=True, slots=True)
class Written:
    """Prompts and the tokens after them."""

    prompts: PaddedPrompts
    copies: int
    """Texts after each prompt."""
    ids_BT: Tensor
    mask_BT: Tensor
    """True on tokens of the text, the one that ended it included."""

    def of_prompts(self, chosen: Tensor) -> "Written":
        """Those of the prompts `chosen`, `[C]`, without columns that are padding in all of them."""
        mask_GP = self.prompts.mask_GP[chosen]
        first = int(mask_GP.any(0).int().argmax())
        prompts = PaddedPrompts(self.prompts.ids_GP[chosen, first:], mask_GP[:, first:])
        rows = self.rows_of(chosen)
        return Written(prompts, self.copies, self.ids_BT[rows], self.mask_BT[rows])

    def rows_of(self, chosen: Tensor) -> Tensor:
        """Numbers of the texts that belong to the prompts `chosen`, in their order."""
        ranks = torch.arange(self.copies, device=chosen.device)
        return (chosen[:, None] * self.copies + ranks).flatten()

    def split(self, micro_batch: int) -> Sequence[Tensor]:
        """Numbers of all prompts in parts, each of at most `micro_batch` texts or one prompt."""
        prompts = torch.arange(len(self.prompts.ids_GP), device=self.ids_BT.device)
        return torch.split(prompts, max(1, micro_batch // self.copies))

    def with_last(self, texts: Sequence[Ids]) -> "Written":
        """One more text after each prompt, behind its others, cut to their T tokens."""
        groups, tokens = len(texts), self.ids_BT.shape[1]
        ids_GT = torch.full((groups, tokens), int(Sentinel.PAD))
        for row, text in enumerate(texts):
            ids_GT[row, : len(text)] = torch.tensor(text[:tokens], dtype=torch.long)
        ids_G1T = ids_GT.to(self.ids_BT.device)[:, None]
        ids_GCT = torch.cat([self.ids_BT.view(groups, -1, tokens), ids_G1T], dim=1)
        mask_GCT = self.mask_BT.view(groups, -1, tokens)
        mask_GCT = torch.cat([mask_GCT, ids_G1T != int(Sentinel.PAD)], dim=1)
        return Written(self.prompts, self.copies + 1, ids_GCT.flatten(0, 1), mask_GCT.flatten(0, 1))


@dataclass(frozen=True, slots=True)
class Rollouts:
    """What a model wrote after each prompt."""

    written: Written
    texts: tuple[str, ...]
    """What of it is kept: up to the end token, or as far as the stop rule goes."""
    stops: tuple[StopReason, ...]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are drawn."""

    max_tokens: int
    temperature: float = 1.0
    """Unused where the likeliest token is taken."""
    randomness: Randomness = None
    copies: int = 1
    """Completions of each prompt, which is read once for all of them."""


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


@torch.no_grad()
def write_rollouts(
    model: Any,
    tokenizer: Tokenizer,
    prompts: Sequence[Ids],
    stops: Sequence[StopRule],
    sampling: Sampling,
) -> Rollouts:
    """Complete each prompt to its end token, to where its stop rule ends it, or to the token limit.

    `model` is a transformers language model; it is left in the mode that it was in.
    """
    training = model.training
    model.eval()
    padded = pad_prompts(prompts, model.device)
    step = Steps(model, padded, sampling.copies)
    texts = [OpenText(tokenizer, stop) for stop in stops for _ in range(sampling.copies)]
    ids_BT = torch.full((len(texts), sampling.max_tokens), int(Sentinel.PAD), device=model.device)
    mask_BT = torch.zeros_like(ids_BT, dtype=torch.bool)
    rows = list(range(len(texts)))  # those that are still read
    for t in range(sampling.max_tokens):
        open_R = torch.tensor([texts[row].stop is None for row in rows], device=model.device)
        if not open_R.any():
            break
        if open_R.sum() <= len(rows) * OPEN_SHARE:
            step.keep(open_R)
            rows, open_R = [row for row in rows if texts[row].stop is None], open_R[open_R]
        if t:
            step.advance(ids_BT[rows, t - 1], mask_BT[rows, t - 1])
        next_R = draw(step.logits_BV, sampling)
        ids_BT[rows, t] = torch.where(open_R, next_R, int(Sentinel.PAD))
        mask_BT[rows, t] = open_R
        for row, token in zip(rows, ids_BT[rows, t].tolist(), strict=True):
            texts[row].add(token)
    model.train(training)
    written = Written(padded, sampling.copies, ids_BT, mask_BT)
    kept = tuple(text.kept for text in texts)
    return Rollouts(written, kept, tuple(text.stop or StopReason.LENGTH for text in texts))


class OpenText:
    """One completion while it is written."""

    def __init__(self, tokenizer: Tokenizer, rule: StopRule) -> None:
        self._tokenizer, self._rule = tokenizer, rule
        self._ids: list[int] = []
        self.kept = ""
        self.stop: StopReason | None = None

    def add(self, token: int) -> None:
        """Take the next token, unless the text has ended."""
        if self.stop is not None:
            return
        if token == Sentinel.END:
            self.stop = StopReason.END
            return
        self._ids.append(token)
        text = decode(self._tokenizer, self._ids)
        keep = self._rule(text)
        self.kept = text if keep is None else text[:keep]
        self.stop = None if keep is None else StopReason.RULE


class Steps:
    """A model that has read its prompts, one column further with each `advance`."""

    def __init__(self, model: Any, prompts: PaddedPrompts, copies: int) -> None:
        from transformers import DynamicCache

        self._model = model
        self._mask = prompts.mask_GP
        self._cache = DynamicCache(config=model.config)
        logits_GV = self._read(prompts.ids_GP, positions_of(prompts.mask_GP))
        self._cache.batch_repeat_interleave(copies)
        self._mask = self._mask.repeat_interleave(copies, 0)
        self._next_B = self._mask.sum(1)
        self.logits_BV = logits_GV.repeat_interleave(copies, 0)

    def advance(self, ids_B: Tensor, written_B: Tensor) -> None:
        """Read a column; what was not written is hidden from those after it."""
        self._mask = torch.cat([self._mask, written_B[:, None]], dim=1)
        self.logits_BV = self._read(ids_B[:, None], self._next_B[:, None])
        self._next_B = self._next_B + 1

    def keep(self, chosen_B: Tensor) -> None:
        """Leave out the rows that are not `chosen_B`."""
        self._cache.batch_select_indices(chosen_B)
        self._mask, self._next_B = self._mask[chosen_B], self._next_B[chosen_B]
        self.logits_BV = self.logits_BV[chosen_B]

    def _read(self, ids: Tensor, positions: Tensor) -> Tensor:
        output = self._model(
            input_ids=ids,
            attention_mask=self._mask.long(),
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits_BV: Tensor = output.logits[:, -1].float()
        return logits_BV


def draw(logits_BV: Tensor, sampling: Sampling) -> Tensor:
    """A token for each row, `[B]`."""
    if sampling.randomness is None:
        return logits_BV.argmax(-1)
    shares_BV = (logits_BV / sampling.temperature).softmax(-1)
    return torch.multinomial(shares_BV, 1, generator=sampling.randomness).squeeze(1)
