"""What the open project says of a service's tokens, which are texts of another vocabulary.

The project's counts are of the local bundle's tokens. A count agrees with a text as far as its own
text does; a piece that the cursor or the last token leaves unfinished is given to both.
"""

from collections.abc import Sequence
from math import exp, log

from tokenizers import Tokenizer

from lsp_server.contract.prompt import encode, last_piece
from lsp_server.contract.recall import LONGEST, Levels, Recall
from lsp_server.engines.decoding.scoring import SMALLEST
from lsp_server.engines.mixture import MixtureWeights, share_out, sureness

REACH = 400
"""Characters before the cursor that hold the longest context."""
DEEPEST = 4
"""Tokens of the project that one text of the service is followed through."""


class ProjectSay:
    """The project's part in the probabilities of one completion."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        pieces: Sequence[bytes],
        recall: Recall,
        weights: MixtureWeights,
        *,
        with_file: bool,
    ) -> None:
        """`with_file`: whether the current file's counts count too; else the service knows them."""
        self._tokenizer = tokenizer
        self._pieces = pieces
        self._recall = recall
        self._weights = weights
        self._with_file = with_file

    def rate(self, before: str, text: str, logprob: float, highest: float) -> float:
        """Logarithm of the probability that `text` follows `before`, the project mixed in.

        `highest` is that of the model's likeliest token.
        """
        near = before[-REACH:]
        near = near[max(near.find("\n"), 0) :] if len(before) > REACH else near
        begun = last_piece(self._tokenizer, near)
        ids = encode(self._tokenizer, near.removesuffix(begun))[-LONGEST:]
        sure = sureness(exp(highest))
        known = self._chance(ids, begun.encode(), sure, DEEPEST) if begun else 1.0
        if known <= SMALLEST:
            return logprob
        both = self._chance(ids, (begun + text).encode(), sure, DEEPEST)
        left = share_out(self._levels(ids), self._weights, sure).model
        return log(max(left * exp(logprob) + (1 - left) * both / known, SMALLEST))

    def _chance(self, ids: Sequence[int], text: bytes, sure: int, depth: int) -> float:
        """How likely the counts alone make a text behind some tokens; 0 where they know none."""
        shares = share_out(self._levels(ids), self._weights, sure)
        agreeing = 0.0
        for token, share in shares.tokens.items():
            piece = self._pieces[token]
            if piece.startswith(text):
                agreeing += share
            elif piece and depth > 1 and text.startswith(piece):
                rest = [*ids, token][-LONGEST:]
                agreeing += share * self._chance(rest, text[len(piece) :], sure, depth - 1)
        whole = 1 - shares.model
        return agreeing / whole if whole > SMALLEST else 0.0

    def _levels(self, ids: Sequence[int]) -> Levels:
        project, file = self._recall.levels(ids)
        return (project, file) if self._with_file else (project, ())
