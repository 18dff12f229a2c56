"""Samples completions of many prompts in one batch.

A prompt and its completions are one row of the model's input, and completions that begin with the
same tokens share these (`reader.py`).

Shapes: G prompts, B = G * copies rollouts, those of a prompt next to each other, R beginnings that
are gone on with, P tokens of the longest prompt, T tokens of a completion at most, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lsp_server.contract.prompt import Sentinel, decode
from lsp_server.contract.stopping import StopRule
from lsp_server.engines import StopReason
from trainer.alignment.ppo.tree_reader import Ids, PaddedPrompts, Reader, pad_prompts

Randomness = torch.Generator | None
"""What samples are drawn from; None takes the likeliest token."""


@dataclass(frozen=True, slots=True)
class Continuations:
    """Prompts and the tokens after them."""

    prompts: PaddedPrompts
    copies: int
    """Texts after each prompt."""
    ids_BT: Tensor
    mask_BT: Tensor
    """True on tokens of the text, the one that ended it included."""

    def of_prompts(self, chosen: Tensor) -> "Continuations":
        """Those of the prompts `chosen`, `[C]`, without columns that are padding in all of them."""
        mask_GP = self.prompts.mask_GP[chosen]
        first = int(mask_GP.any(0).int().argmax())
        prompts = PaddedPrompts(self.prompts.ids_GP[chosen, first:], mask_GP[:, first:])
        rows = self.rows_of(chosen)
        return Continuations(prompts, self.copies, self.ids_BT[rows], self.mask_BT[rows])

    def rows_of(self, chosen: Tensor) -> Tensor:
        """Numbers of the texts that belong to the prompts `chosen`, in their order."""
        ranks = torch.arange(self.copies, device=chosen.device)
        return (chosen[:, None] * self.copies + ranks).flatten()

    def split(self, micro_batch: int) -> tuple[Tensor, ...]:
        """Numbers of all prompts in parts, each of at most `micro_batch` texts or one prompt.

        Prompts of like length share a part: there is less padding to read.
        """
        by_length = self.prompts.mask_GP.sum(1).argsort(stable=True)
        return torch.split(by_length, max(1, micro_batch // self.copies))

    def with_last(self, texts: Sequence[Ids]) -> "Continuations":
        """One more text after each prompt, behind its others, cut to their T tokens."""
        groups, tokens = len(texts), self.ids_BT.shape[1]
        cut = [text[:tokens] for text in texts]
        ids_GT, mask_GT = pad_texts(cut, tokens, self.ids_BT.device)
        ids_GCT = torch.cat([self.ids_BT.view(groups, -1, tokens), ids_GT[:, None]], dim=1)
        mask_GCT = torch.cat([self.mask_BT.view(groups, -1, tokens), mask_GT[:, None]], dim=1)
        return Continuations(
            self.prompts, self.copies + 1, ids_GCT.flatten(0, 1), mask_GCT.flatten(0, 1)
        )


@dataclass(frozen=True, slots=True)
class Rollouts:
    """What a model wrote after each prompt."""

    written: Continuations
    texts: tuple[str, ...]
    """What of it is kept: up to the end token, or as far as the stop rule goes."""
    stops: tuple[StopReason, ...]

    def of_prompts(self, chosen: Tensor) -> "Rollouts":
        """Those of the prompts `chosen`, `[C]`."""
        rows = self.written.rows_of(chosen).tolist()
        texts, stops = (tuple(each[row] for row in rows) for each in (self.texts, self.stops))
        return Rollouts(self.written.of_prompts(chosen), texts, stops)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are drawn."""

    max_tokens: int
    temperature: float = 1.0
    """Unused where the likeliest token is taken."""
    randomness: Randomness = None
    copies: int = 1
    """Completions of each prompt, which is read once for all of them."""


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
    padded, copies = pad_prompts(prompts, model.device), sampling.copies
    reader = Reader(model, padded)
    logits_RV = reader.logits_GV
    open_now = [
        Beginning(group, OpenText(tokenizer, stop), range(group * copies, (group + 1) * copies))
        for group, stop in enumerate(stops)
    ]
    final: list[OpenText] = [begun.text for begun in open_now for _ in range(copies)]
    for t in range(sampling.max_tokens):
        drawn = sample_tokens(
            logits_RV, sampling, max(len(begun.rollouts) for begun in open_now)
        ).tolist()
        parents, grown = [], []
        for row, begun in enumerate(open_now):
            for token, rollouts in begun.share_out(drawn[row]).items():
                text = begun.text.with_next(token)
                for rollout in rollouts:
                    final[rollout] = text
                if text.stop is None:
                    parents.append(row)
                    grown.append(Beginning(begun.group, text, rollouts))
        if not grown or t + 1 == sampling.max_tokens:
            break
        groups, tokens = zip(*((begun.group, begun.text.ids[-1]) for begun in grown), strict=True)
        logits_RV = reader.go_on(groups, parents, tokens)
        open_now = grown
    model.train(training)
    ids_BT, mask_BT = pad_texts([text.ids for text in final], sampling.max_tokens, model.device)
    return Rollouts(
        Continuations(padded, copies, ids_BT, mask_BT),
        tuple(text.kept for text in final),
        tuple(text.stop or StopReason.LENGTH for text in final),
    )


def pad_texts(texts: Sequence[Ids], tokens: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids of texts and their mask, `[B, T]`, padded on the right."""
    ids_BT = torch.full((len(texts), tokens), int(Sentinel.PAD))
    for row, text in enumerate(texts):
        ids_BT[row, : len(text)] = torch.tensor(text, dtype=torch.long)
    lengths_B1 = torch.tensor([len(text) for text in texts])[:, None]
    return ids_BT.to(device), (torch.arange(tokens) < lengths_B1).to(device)


class OpenText:
    """What a completion begins with."""

    def __init__(self, tokenizer: Tokenizer, rule: StopRule, ids: Ids = ()) -> None:
        self._tokenizer, self._rule = tokenizer, rule
        self.ids = ids
        """The token that ended it included."""
        self.kept = ""
        self.stop: StopReason | None = None

    def with_next(self, token: int) -> "OpenText":
        """One token further, which may end it."""
        grown = OpenText(self._tokenizer, self._rule, (*self.ids, token))
        if token == Sentinel.END:
            grown.kept, grown.stop = self.kept, StopReason.END
            return grown
        text = decode(self._tokenizer, grown.ids)
        keep = self._rule(text)
        grown.kept = text if keep is None else text[:keep]
        grown.stop = None if keep is None else StopReason.RULE
        return grown


@dataclass(frozen=True, slots=True)
class Beginning:
    """A text that is gone on with, and the rollouts that have begun with it."""

    group: int
    """Number of its prompt."""
    text: OpenText
    rollouts: Sequence[int]

    def share_out(self, tokens: Sequence[int]) -> dict[int, list[int]]:
        """The rollouts by the token that each goes on with."""
        by_token: dict[int, list[int]] = {}
        for rollout, token in zip(self.rollouts, tokens, strict=False):
            by_token.setdefault(token, []).append(rollout)
        return by_token


def sample_tokens(logits_RV: Tensor, sampling: Sampling, count: int) -> Tensor:
    """`count` tokens for each row, `[R, count]`."""
    if sampling.randomness is None:
        return logits_RV.argmax(-1, keepdim=True).expand(-1, count)
    sums_RV = (logits_RV / sampling.temperature).softmax(-1).cumsum(-1)
    # A random number each, where torch.multinomial takes one for each token of the vocabulary.
    randomness, device = sampling.randomness, logits_RV.device
    drawn_RC = torch.rand(len(sums_RV), count, generator=randomness, device=device)
    last = sums_RV.shape[1] - 1  # rounding may put a number at the very end
    return torch.searchsorted(sums_RV, drawn_RC * sums_RV[:, -1:], right=True).clamp(max=last)
