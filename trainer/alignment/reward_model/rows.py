"""Lays out completions and texts as token ids for the reward model.

A completion stands after its prompt in the served layout, and its end token after it, where the
score is taken, whatever ended it. What is longer than the context loses the prompt's beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from lsp_server.contract.prompt import (
    Parts,
    Sentinel,
    assemble,
    budget_for,
    decode,
    encode,
    last_piece,
    plain,
)

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RewardRow:
    """Token ids, and whether something was cut off their text."""

    ids: Ids
    cut: bool


@dataclass(frozen=True, slots=True)
class RewardLayout:
    """Lays text out for a reward model by its own tokenizer."""

    tokenizer: Tokenizer
    context: int

    def completion(self, parts: Parts, text: str) -> RewardRow:
        """A completion at a cursor."""
        piece = last_piece(self.tokenizer, parts.prefix)
        written = encode(self.tokenizer, piece + text)
        longest = self.context // 2
        answer = [*written[:longest], Sentinel.END]
        budget = budget_for(self.context)
        budget = replace(budget, completion=max(len(answer), budget.completion))
        prompt = assemble(self.tokenizer, parts, budget)
        start = prompt.ids.index(Sentinel.PREFIX) + 1
        shown = decode(self.tokenizer, prompt.ids[start:])
        cut = len(written) > longest or len(shown) < len(parts.prefix) - len(piece)
        return RewardRow(tuple(map(int, (*prompt.ids, *answer))), cut)

    def text(self, text: str) -> RewardRow:
        """A text of its own, left to right."""
        ids = encode(self.tokenizer, text)
        room = self.context - len(plain([], [])) - 1
        kept = ids[-room:]
        return RewardRow(tuple(map(int, (*plain([], kept), Sentinel.END))), len(ids) > room)


@dataclass(frozen=True, slots=True)
class PairRows:
    """Rows of chosen texts and of rejected ones, side by side."""

    chosen: list[RewardRow]
    rejected: list[RewardRow]


def cut_share(rows: Sequence[RewardRow]) -> float:
    """Share of rows whose text was cut."""
    return round(sum(row.cut for row in rows) / len(rows), 4) if rows else 0.0


FACTS = "reward.json"
"""In the folder of a model that stage `reward` made."""
