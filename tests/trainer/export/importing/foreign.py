"""Tokenizers as other families of models have them, trained on Python's standard library."""

import json
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from tokenizers.decoders import ByteLevel as ByteLevelDecoder

from lsp_server.engines.vocabulary import BYTE_TOKENS, SPACE
from trainer.export.importing.renumbering import renumber
from trainer.export.importing.roles import find_roles
from trainer.export.importing.sources.gguf_tokenizer import LLAMA3, QWEN2

SIZE = 4000
END = "<|endoftext|>"
DEEPSEEK = (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+")


def by_bytes(*before: pre_tokenizers.PreTokenizer, regex: bool) -> pre_tokenizers.PreTokenizer:
    """Splits by these, then writes bytes."""
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
    return pre_tokenizers.Sequence([*before, last])


def isolated(pattern: str) -> pre_tokenizers.PreTokenizer:
    """Splits into the matches of a pattern."""
    return pre_tokenizers.Split(Regex(pattern), behavior="isolated")


def digits() -> pre_tokenizers.PreTokenizer:
    """Each digit is a piece."""
    return pre_tokenizers.Digits(individual_digits=True)


SPLITS: dict[str, Callable[[], pre_tokenizers.PreTokenizer]] = {
    "gpt2": lambda: by_bytes(regex=True),
    "starcoder": lambda: by_bytes(digits(), regex=True),
    "qwen2": lambda: by_bytes(isolated(QWEN2), regex=False),
    "llama3": lambda: by_bytes(isolated(LLAMA3), regex=False),
    "deepseek": lambda: by_bytes(*map(isolated, DEEPSEEK), digits(), regex=False),
}
SPACED = "sentencepiece"
KINDS = (*SPLITS, SPACED)


@cache
def sources() -> tuple[str, ...]:
    """Modules to train on, and to cut."""
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    return tuple(path.read_text(encoding="utf-8") for path in paths)


def train_by_bytes(kind: str) -> dict[str, Any]:
    """A byte-level BPE as tokenizer.json has it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = SPLITS[kind]()
    tokenizer.decoder = ByteLevelDecoder()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sources()[::2], trainer)
    found: dict[str, Any] = json.loads(tokenizer.to_str())
    return found


def train_spaced() -> dict[str, Any]:
    """One as Llama 2 has it: a text is one piece with a space in front; bytes as a way out."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = isolated(rf"{SPACE}*[^{SPACE}\n]+|{SPACE}+|\n")
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        limit_alphabet=120,
        special_tokens=["<unk>", "<s>", "</s>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(sources()[::2], trainer)
    record: dict[str, Any] = json.loads(tokenizer.to_str())
    vocab = record["model"]["vocab"]
    vocab.pop("\n")
    names = [*BYTE_TOKENS, *sorted(vocab, key=vocab.__getitem__)[3:]]
    record["model"] |= {
        "vocab": {text: at for at, text in enumerate(["<unk>", "<s>", "</s>", *names])},
        "byte_fallback": True,
        "fuse_unk": True,
        "unk_token": "<unk>",
    }
    prepend = {"type": "Prepend", "prepend": SPACE}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    record["normalizer"] = {"type": "Sequence", "normalizers": [prepend, replace]}
    record["pre_tokenizer"] = None
    return record


@cache
def tokenizer_record(kind: str) -> dict[str, Any]:
    """The tokenizer.json of a kind."""
    return train_spaced() if kind == SPACED else train_by_bytes(kind)


@cache
def imported(kind: str) -> Tokenizer:
    """The tokenizer of a kind as an import leaves it."""
    record = tokenizer_record(kind)
    rows = len(record["model"]["vocab"])
    found = renumber(record, rows, find_roles(record, {})).tokenizer
    tokenizer = Tokenizer.from_str(json.dumps(found))
    tokenizer.encode_special_tokens = True
    return tokenizer
