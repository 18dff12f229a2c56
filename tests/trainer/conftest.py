"""A small packed corpus and a lightly trained run that the training tests share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from trainer.corpus.config import PackingConfig
from trainer.corpus.document import Document, DocumentWriter, document_id
from trainer.corpus.packing import run as pack

PACKED_BLOCK = 64


@pytest.fixture(scope="session")
def packed_inputs(
    tmp_path_factory: pytest.TempPathFactory, small_corpus: list[str], small_tokenizer: Tokenizer
) -> dict[str, Path]:
    """Folders of the stages tokenizer and packing, with blocks of PACKED_BLOCK tokens."""
    run = tmp_path_factory.mktemp("packed")
    for split, texts in (("train", small_corpus[:2]), ("heldout", small_corpus[2:])):
        with DocumentWriter(run / "dedup" / split) as writer:
            for text in texts:
                writer.write(Document(document_id(text), "tests", "r", "a.py", "", "psf", text))
    inputs = {name: run / name for name in ("dedup", "tokenizer", "packing")}
    for name in ("tokenizer", "packing"):
        inputs[name].mkdir()
    small_tokenizer.save(str(inputs["tokenizer"] / "tokenizer.json"))
    pack(PackingConfig(block_tokens=PACKED_BLOCK, heldout_tokens=4000), inputs, inputs["packing"])
    return inputs


@pytest.fixture(scope="session")
def tuning_inputs(
    tmp_path_factory: pytest.TempPathFactory,
    train_model: Callable[[str], Any],
    small_corpus: list[str],
    small_tokenizer: Tokenizer,
) -> dict[str, Path]:
    """A lightly trained model, two modules to tune on, and one held out."""
    run = tmp_path_factory.mktemp("tuning")
    for split, texts in (("train", small_corpus[1:]), ("heldout", small_corpus[:1])):
        with DocumentWriter(run / "dedup" / split) as writer:
            for text in texts:
                repo = f"tests/{split}"
                writer.write(Document(document_id(text), "tests", repo, "m.py", "", "psf", text))
    train_model("llama").save_pretrained(run / "pretrain" / "model")
    small_tokenizer.save(str(run / "pretrain" / "model" / "tokenizer.json"))
    return {name: run / name for name in ("dedup", "pretrain")}


@pytest.fixture
def problems(tmp_path: Path) -> str:
    """Twelve programs, each with a hole in its midst and one at its end."""
    rows = [
        {
            "task_id": f"{kind}/HumanEval/{number}",
            "prompt": f"def f{number}(a, b):\n",
            "suffix": suffix,
            "test": f"def check(f):\n    assert f(1, 2) == {3 + number}",
            "entry_point": f"f{number}",
        }
        for number in range(12)
        for kind, suffix in (("Hole", f"    return total + {number}\n"), ("End", ""))
    ]
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)
