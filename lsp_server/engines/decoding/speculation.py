"""Drafts the next tokens from the project's counts, for the model to verify.

The model verifies a draft together with the token before it, so a draft never changes the text. It
only has to be right often enough. A verified token costs about a quarter of a step.

Source: Leviathan et al. 2023, "Fast inference from transformers via speculative decoding", greedy
case; the draft comes from counts instead of a smaller model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lsp_server.contract.recall import LONGEST, Recall
from lsp_server.engines.mixture import SURE, MixtureWeights, share_out

LEAST_ODDS = 0.25
"""A draft ends before the token that makes it less likely than this."""

UNKNOWN_SURE = len(SURE) // 2
"""The class of certainty that stands for a model that has not been asked."""

UNTYPED_SHARE = 0.1
"""Of the model's probability, what is taken to agree with a word that is typed halfway."""


@dataclass(frozen=True, slots=True)
class Drafter:
    """What drafts are made from, for one prompt."""

    recall: Recall
    weights: MixtureWeights
    pieces: Sequence[bytes]
    """Bytes of every token."""

    def draft(
        self, context: Sequence[int], heal: bytes, most: int, go_on: Callable[[bytes], bool]
    ) -> tuple[int, ...]:
        """Up to `most` tokens after `context` that begin with the typed text `heal`.

        It ends where `go_on` says of the bytes drafted so far that no more is wanted.
        """
        drafted: list[int] = []
        written, odds = b"", 1.0
        while len(drafted) < most and go_on(written):
            token, chance = self._expect([*context, *drafted][-LONGEST:], heal[len(written) :])
            odds *= chance
            if odds < LEAST_ODDS:
                break
            drafted.append(token)
            written += self.pieces[token]
        return tuple(drafted)

    def _expect(self, context: Sequence[int], heal: bytes) -> tuple[int, float]:
        """The token that the counts give most to, and how likely it is at least."""
        shares = share_out(self.recall.levels(context), self.weights, UNKNOWN_SURE)
        tokens = shares.tokens
        if heal:
            tokens = {t: p for t, p in tokens.items() if agree(self.pieces[t], heal)}
        best = max(tokens, key=tokens.__getitem__, default=None)
        if best is None:
            return 0, 0.0
        model = shares.model * (UNTYPED_SHARE if heal else 1.0)
        return best, tokens[best] / (sum(tokens.values()) + model)


def agree(piece: bytes, heal: bytes) -> bool:
    """Whether a token may come where `heal` must come."""
    return piece.startswith(heal) or (bool(piece) and heal.startswith(piece))
