"""The engine without a network: what the current file and the project say alone, in any language.

Every token is as likely as any other before the counts are asked; so what they know nothing of is
never likely enough to be shown. It takes the tokenizer of a bundle, and nothing else of it.

Shapes: T positions whose logits are wanted, V vocabulary.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.prompt import Ids, Prompt, load_tokenizer
from lsp_server.engines import Candidate, Limits
from lsp_server.engines.counters import EngineCounters
from lsp_server.engines.decoding.completion import Decoding
from lsp_server.engines.decoding.prediction import Predictor
from lsp_server.engines.decoding.scoring import score_texts
from lsp_server.engines.prompt_cache import PromptCache
from lsp_server.engines.vocabulary import Vocabulary, read_vocabulary
from lsp_server.errors import EngineError

MIXTURE = Path(__file__).with_name("project.json")
"""The weights of the counts where there is no model, and how far what they say holds."""
CONTEXT = 1 << 20
"""Nothing is read, so any prompt has room."""


class EvenDecoder:
    """Stands for a model that knows nothing: all logits are the same."""

    context = CONTEXT

    def __init__(self, vocabulary: int) -> None:
        self._vocabulary = vocabulary

    def forward(
        self, ids: Sequence[int], past: int, wanted: int = 1, slot: int = 0
    ) -> NDArray[np.float32]:
        """Zeros [T, V]."""
        return np.zeros((wanted, self._vocabulary), np.float32)

    def forget(self) -> None:
        """There is nothing to forget."""


class ProjectEngine:
    """Writes what followed the like of the text before the cursor."""

    name = "project"
    title = "engine project, without a model"
    label = ""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.counters = EngineCounters()
        """What has been written since the start."""
        self._vocabulary = vocabulary
        self._cache = PromptCache(EvenDecoder(len(vocabulary.pieces)), slots=1)

    def forget(self) -> None:
        """Keep nothing of earlier prompts."""
        self._cache.forget()

    def complete(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        """Candidates from the cursor on, at least one."""
        decoding = Decoding(self._cache, self._vocabulary, self.counters, prompt, limits)
        return decoding.write(cancelled)

    def score(
        self, prompt: Prompt, texts: Sequence[Ids], limits: Limits, cancelled: Event
    ) -> list[float] | None:
        """Natural logarithms of the probabilities of texts; None where that was cancelled."""
        predictor = Predictor(prompt, limits, self._vocabulary)
        return score_texts(self._cache, predictor, prompt, texts, cancelled)


def open_project_engine(tokenizer: Tokenizer) -> ProjectEngine:
    """The engine over a tokenizer."""
    return ProjectEngine(read_vocabulary(tokenizer))


def create(bundle: Bundle | None, threads: int) -> ProjectEngine:
    """Entry point of the group `lory.engines`; of the bundle the tokenizer alone is read."""
    if bundle is None:
        raise EngineError("engine project: expected a bundle's tokenizer, found none")
    return open_project_engine(load_tokenizer(bundle.tokenizer_path))
