"""Predicts the next token from the model's logits and the project's counts.

Shapes: V vocabulary.
"""

from collections.abc import Sequence

import numpy as np

from lsp_server.contract.prompt import Prompt, Sentinel
from lsp_server.contract.recall import LONGEST, Recall
from lsp_server.engines import Limits
from lsp_server.engines.decoding.sampling import Vector, softmax
from lsp_server.engines.mixture import MixtureWeights, mix
from lsp_server.engines.vocabulary import Vocabulary

SENTINEL_IDS = frozenset(int(sentinel) for sentinel in Sentinel)


class Predictor:
    """Predicts after one prompt."""

    def __init__(self, prompt: Prompt, limits: Limits, vocabulary: Vocabulary) -> None:
        self._never_written = vocabulary.never_written
        self._text_start = start_of_text(prompt.ids)
        self._recall: Recall | None = prompt.recall if limits.mixed else None
        self._weights: MixtureWeights | None = limits.mixture

    @property
    def mixes(self) -> bool:
        """Whether the project has a say."""
        return self._recall is not None and self._weights is not None

    def probabilities(self, logits_V: Vector, ids: Sequence[int], end: int) -> Vector:
        """Of what follows the first `end` of `ids`, a new array; the logits are used up."""
        logits_V[self._never_written] = -np.inf
        probabilities_V = softmax(logits_V)
        if self._recall is not None and self._weights is not None:
            mix(probabilities_V, self._recall.levels(self.latest(ids, end)), self._weights)
        return probabilities_V

    def latest(self, ids: Sequence[int], end: int) -> list[int]:
        """The last tokens of text among the first `end`."""
        return list(ids[max(self._text_start, end - LONGEST) : end])


def start_of_text(ids: Sequence[int]) -> int:
    """Where the text that ends a prompt begins: behind its last sentinel."""
    return next((at + 1 for at in range(len(ids) - 1, -1, -1) if ids[at] in SENTINEL_IDS), 0)
