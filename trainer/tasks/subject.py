"""The model that is being measured."""

from dataclasses import dataclass

from tokenizers import Tokenizer

from lsp_server.contract.prompt import Budget
from lsp_server.engines import Engine


@dataclass(frozen=True, slots=True)
class Subject:
    """A graph that is ready to complete."""

    engine: Engine
    tokenizer: Tokenizer
    budget: Budget
