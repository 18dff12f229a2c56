"""A small foreign checkpoint: a tokenizer without Lory's sentinels, and a model of its size."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from tests.trainer.export.importing.zoo import VOCABULARY, make_model

SPECIAL = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<reponame>"]
UNKNOWN_BYTES = 12
"""Bytes that the foreign alphabet has no token for."""


@pytest.fixture(scope="session")
def foreign_tokenizer(small_corpus: list[str]) -> Tokenizer:
    """A byte-level BPE whose ids are not Lory's, and whose alphabet is not whole."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())[:-UNKNOWN_BYTES]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 10,
        special_tokens=SPECIAL,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(small_corpus, trainer)
    return tokenizer


@pytest.fixture(scope="session")
def write_checkpoint(foreign_tokenizer: Tokenizer) -> Callable[..., Path]:
    """Writes a checkpoint of one of the zoo's models; `size` bounds a shard's bytes."""

    def write(folder: Path, name: str = "llama", size: str = "5GB") -> Path:
        model = make_model(name)
        model.save_pretrained(folder, max_shard_size=size)
        foreign_tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")
        return folder

    return write


def edit_json(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
