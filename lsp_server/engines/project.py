"""The engine without a network: what the current file and the project say alone, in any language.

Every token is as likely as any other before the counts are asked; so what they know nothing of is
never likely enough to be shown. It takes the tokenizer of a bundle, and nothing else of it.

Shapes: T positions whose logits are wanted, V vocabulary.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.engines.decoding.engine import DecodingEngine
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


class ProjectEngine(DecodingEngine):
    """Writes what followed the like of the text before the cursor."""

    name = "project"
    title = "engine project, without a model"
    label = ""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(EvenDecoder(len(vocabulary.pieces)), vocabulary, slots=1)


def open_project_engine(tokenizer: Tokenizer) -> ProjectEngine:
    """The engine over a tokenizer."""
    return ProjectEngine(read_vocabulary(tokenizer))


def create(bundle: Bundle | None, threads: int) -> ProjectEngine:
    """Entry point of the group `lory.engines`; of the bundle the tokenizer alone is read."""
    if bundle is None:
        raise EngineError("engine project: expected a bundle's tokenizer, found none")
    return open_project_engine(load_tokenizer(bundle.tokenizer_path))
