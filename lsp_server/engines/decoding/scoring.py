"""Computes how likely given texts are after a prompt.

Shapes: T positions whose logits are known, V vocabulary.
"""

import math
from collections.abc import Sequence
from threading import Event

from lsp_server.contract.prompt import Ids
from lsp_server.engines.decoding.prediction import Predictor
from lsp_server.engines.decoding.sampling import Vector
from lsp_server.engines.prompt_cache import FEW_TOKENS, PromptCache, shared_tokens

SMALLEST = 1e-30
"""Stands for a probability that float32 cannot tell from 0."""


class Scoring:
    """Scores texts after one prompt, which the cache holds."""

    def __init__(self, cache: PromptCache, predictor: Predictor, prompt: Ids) -> None:
        self._cache = cache
        self._predictor = predictor
        self._prompt = prompt
        self._known: dict[tuple[int, ...], Vector] = {}
        """What may come next after a text's first tokens."""

    def score(self, text: Ids, cancelled: Event) -> float | None:
        """Natural logarithm of a text's probability; None where it was cancelled.

        A text that the context has no room for cannot come: its logarithm is minus infinity.
        """
        ids = tuple(text)
        if len(self._prompt) + len(ids) > self._cache.decoder.context:
            return -math.inf
        total = 0.0
        for at, token in enumerate(ids):
            if ids[:at] not in self._known:
                if cancelled.is_set():
                    return None
                self._read(ids, at)
            total += math.log(max(float(self._known[ids[:at]][token]), SMALLEST))
        return total

    def _read(self, ids: Sequence[int], at: int) -> None:
        """Read on from the first `at` tokens of a text, as many as round alike in one call."""
        before = [*self._prompt, *ids[:-1]]
        first = len(self._prompt) + at - 1
        self._cache.rewind(min(shared_tokens(self._cache.ids, before), first))
        del before[first + FEW_TOKENS :]
        logits_TV = self._cache.feed(before[len(self._cache.ids) :], len(before) - first)
        for number, logits_V in enumerate(logits_TV):
            end = first + number + 1
            self._known[tuple(ids[: at + number])] = self._predictor.probabilities(
                logits_V, before, end
            )
