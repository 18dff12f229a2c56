"""Rollouts: takes a policy and prompts, gives completions that it samples, side by side.

A prompt and its completions are one row of the model's input, and completions that begin with the
same tokens share these: each beginning is read once, and sees the prompt and what it goes on from.
Prompts are padded on the left, so that every completion starts in the same column. Positions count
from each prompt's own start, and nothing looks at padding.

Shapes: G prompts, B = G * copies rollouts, those of a prompt next to each other, R beginnings that
are gone on with, N of them at most to a prompt, P tokens of the longest prompt, S columns so far, T
tokens of a completion at most, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lsp_server.engines import StopReason, StopRule
from lsp_server.prompt import Sentinel, decode

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
        cut = [text[:tokens] for text in texts]
        ids_GT, mask_GT = pad_texts(cut, tokens, self.ids_BT.device)
        ids_GCT = torch.cat([self.ids_BT.view(groups, -1, tokens), ids_GT[:, None]], dim=1)
        mask_GCT = torch.cat([self.mask_BT.view(groups, -1, tokens), mask_GT[:, None]], dim=1)
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


def prompt_sight(mask_GP: Tensor) -> Tensor:
    """`[G, P, P]`, true where a token of a prompt may look: back. Padding sees itself."""
    itself_PP = torch.eye(mask_GP.shape[1], dtype=torch.bool, device=mask_GP.device)
    return mask_GP[:, None].expand(-1, len(itself_PP), -1).tril() | itself_PP


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
        drawn = draw(logits_RV, sampling, max(len(begun.rollouts) for begun in open_now)).tolist()
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
        Written(padded, copies, ids_BT, mask_BT),
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


class Reader:
    """A model that has read its prompts, and reads what they are gone on with token by token."""

    def __init__(self, model: Any, prompts: PaddedPrompts) -> None:
        from transformers import DynamicCache

        self._model = model
        self._cache = DynamicCache(config=model.config)
        positions_GP, sight_GPP = positions_of(prompts.mask_GP), prompt_sight(prompts.mask_GP)
        logits_G1V = self._read(prompts.ids_GP, positions_GP, sight_GPP, last=1)
        self._next_G = prompts.mask_GP.sum(1)
        self._slots = [0] * len(prompts.ids_GP)
        """Of each row that was read last, its place among those of its prompt."""
        self._sight_GNS = prompts.mask_GP[:, None]
        """What these may look at."""
        self.logits_GV = logits_G1V[:, 0].float()

    def go_on(self, groups: Sequence[int], parents: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Read a token behind each of some rows of the last step; what is said after it, `[R, V]`.

        `groups`: the prompts that they belong to, in ascending order; `parents`: their rows.
        """
        slots = [0] * len(groups)
        for row in range(1, len(groups)):
            slots[row] = slots[row - 1] + 1 if groups[row] == groups[row - 1] else 0
        shape = len(self._next_G), max(slots) + 1
        device = self._next_G.device
        at = torch.tensor(groups, device=device), torch.tensor(slots, device=device)
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


def draw(logits_RV: Tensor, sampling: Sampling, count: int) -> Tensor:
    """`count` tokens for each row, `[R, count]`."""
    if sampling.randomness is None:
        return logits_RV.argmax(-1, keepdim=True).expand(-1, count)
    sums_RV = (logits_RV / sampling.temperature).softmax(-1).cumsum(-1)
    # A random number each, where torch.multinomial takes one for each token of the vocabulary.
    randomness, device = sampling.randomness, logits_RV.device
    drawn_RC = torch.rand(len(sums_RV), count, generator=randomness, device=device)
    last = sums_RV.shape[1] - 1  # rounding may put a number at the very end
    return torch.searchsorted(sums_RV, drawn_RC * sums_RV[:, -1:], right=True).clamp(max=last)
