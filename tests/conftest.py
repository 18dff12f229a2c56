"""Small real parts that several tests share: a tokenizer, lightly trained models, an exported run.

They learn from three modules of the standard library, which every machine has.
"""

import argparse
import heapq
import inspect
import json
import os
import signal
import sys
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lsp_server.contract.prompt import SENTINELS, Sentinel, encode, guard_sentinels

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: threads that wait do not spin
if "PYTEST_XDIST_WORKER" in os.environ:  # a core for each worker, and for what it starts
    os.environ.setdefault("OMP_NUM_THREADS", "1")

PLUGINS = str(Path(__file__).parent / "plugins")
"""Where the engine `scripted` is installed, for the tests and the servers that they start."""
sys.path.append(PLUGINS)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (PLUGINS, os.environ.get("PYTHONPATH"))))
os.environ["LORY_MODELS"] = str(Path(tempfile.gettempdir()) / f"lory-tests-{os.getpid()}-none")
"""No test completes by a model that the machine's user has chosen."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # the tests were started in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("shared machine", deadline=None)  # where another job may take the time
settings.load_profile("shared machine")

VOCABULARY = 640
CONTEXT = 256
TRAINED_STEPS = 100


@pytest.fixture(scope="session")
def small_corpus() -> list[str]:
    """Three modules of Python source."""
    return [inspect.getsource(module) for module in (heapq, textwrap, argparse)]


@pytest.fixture(scope="session")
def small_tokenizer(small_corpus: list[str]) -> Tokenizer:
    """A byte-level BPE of VOCABULARY tokens, the sentinels first."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SENTINELS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(small_corpus, trainer)
    return guard_sentinels(tokenizer, "the tests' tokenizer")


@pytest.fixture(scope="session")
def make_model() -> Callable[[str], Any]:
    """Gives a freshly initialised model: `llama`, `gpt2`, or `gpt1` for GPT-1's block order."""

    def make(kind: str) -> Any:
        import torch
        from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

        from trainer.model.networks import in_block_order, sentinel_ids

        torch.manual_seed(3)
        if kind == "llama":
            return LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=VOCABULARY,
                    hidden_size=64,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    num_key_value_heads=1,
                    head_dim=32,
                    intermediate_size=160,
                    max_position_embeddings=CONTEXT,
                    tie_word_embeddings=True,
                    **sentinel_ids(),
                )
            ).eval()
        settings = GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=CONTEXT,
            n_embd=64,
            n_layer=2,
            n_head=2,
            block_order=kind,
            **sentinel_ids(),
        )
        return in_block_order(GPT2LMHeadModel(settings)).eval()

    return make


@pytest.fixture(scope="session")
def train_model(
    make_model: Callable[[str], Any], small_corpus: list[str], small_tokenizer: Tokenizer
) -> Callable[[str], Any]:
    """Gives a model that knows a passage of the first module."""
    trained: dict[str, Any] = {}

    def train(kind: str) -> Any:
        if kind not in trained:
            trained[kind] = fit(make_model(kind), small_corpus[0][6000:9500], small_tokenizer)
        return trained[kind]

    return train


def fit(model: Any, passage: str, tokenizer: Tokenizer) -> Any:
    """Train on random windows of one passage until much of it is known by heart.

    A model that has learned less writes one token over and over, on which any two models agree.
    """
    import torch

    stream = torch.tensor([*encode(tokenizer, passage), Sentinel.END])
    generator = torch.Generator().manual_seed(3)
    named = list(model.named_parameters())
    in_block = [".h." in name or ".layers." in name for name, _ in named]
    matrices = [p for (_, p), inside in zip(named, in_block, strict=True) if inside and p.ndim == 2]
    others = [p for _, p in named if not any(p is matrix for matrix in matrices)]
    muon = torch.optim.Muon(matrices, lr=0.03, momentum=0.95, weight_decay=0.0)
    adamw = torch.optim.AdamW(others, lr=1e-2)
    model.train()
    for step in range(TRAINED_STEPS):
        rate = min(1.0, 2 - 2 * step / TRAINED_STEPS)
        muon.param_groups[0]["lr"], adamw.param_groups[0]["lr"] = 0.03 * rate, 1e-2 * rate
        starts = torch.randint(len(stream) - 97, (8,), generator=generator)
        windows_BT = torch.stack([stream[start : start + 97] for start in starts])
        logits_BTV = model(input_ids=windows_BT[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(
            logits_BTV.flatten(0, 1), windows_BT[:, 1:].flatten()
        )
        torch.autograd.backward(loss)
        optimizers: tuple[Any, ...] = (muon, adamw)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()


@pytest.fixture(scope="session")
def small_run(
    tmp_path_factory: pytest.TempPathFactory,
    train_model: Callable[[str], Any],
    small_corpus: list[str],
    small_tokenizer: Tokenizer,
) -> dict[str, Path]:
    """Folders of the stages up to pretrain, by name, as `Inputs` of the export stage and on."""
    run = tmp_path_factory.mktemp("run")
    write_corpus_stages(run, small_corpus)
    model = run / "pretrain" / "model"
    train_model("llama").save_pretrained(model)
    small_tokenizer.save(str(model / "tokenizer.json"))
    training = {"steps": TRAINED_STEPS, "tokens": TRAINED_STEPS * 8 * 96, "hardware": "test"}
    (run / "pretrain" / "training.json").write_text(json.dumps(training))
    (run / "pretrain" / "done.json").write_text(json.dumps({"config": {"seed": 3}}))
    return {name: run / name for name in ("dedup", "pretrain")}


def write_corpus_stages(run: Path, corpus: list[str]) -> None:
    """What the dedup stage leaves: held-out documents, ledger and report."""
    from trainer.corpus.dedup import write_report
    from trainer.corpus.document import Document, DocumentWriter, document_id
    from trainer.corpus.ledger import HELDOUT, TRAIN, entry_of, write_entries

    documents = [
        Document(
            id=document_id(text),
            source="tests",
            repo=f"stdlib/{number}",
            path=f"part{number}/module.py",
            commit="",
            licence="psf",
            text=text,
        )
        for number, text in enumerate(corpus)
    ]
    folder = run / "dedup"
    with DocumentWriter(folder / "heldout") as heldout:
        for document in documents:
            heldout.write(document)
    entries = [entry_of(document, TRAIN) for document in documents[1:]]
    entries.append(entry_of(documents[0], HELDOUT))
    write_entries(entries, folder / "ledger.parquet")
    write_report(entries, folder / "report.json")
    (folder / "done.json").write_text(json.dumps({"config": {}}))


@pytest.fixture(scope="session")
def exported_run(
    small_run: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """`small_run` with its export stage done, int8 beside fp32."""
    from trainer.export.config import ExportConfig
    from trainer.export.stage import run

    config = ExportConfig(
        precisions=["int8"],
        parity_prompts=6,
        parity_steps=24,
        exact_match_cursors=12,
        exact_match_tolerance=100.0,
    )
    out = tmp_path_factory.mktemp("export")
    run(config, small_run, out)
    (out / "done.json").write_text(json.dumps({"config": asdict(config)}))
    return {**small_run, "export": out}


@pytest.fixture(scope="session")
def small_bundle(exported_run: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle folder, made by the bundle stage. Copy it before changing it."""
    from trainer.export.bundle import run
    from trainer.export.config import BundleConfig

    evaluate, out = tmp_path_factory.mktemp("evaluate"), tmp_path_factory.mktemp("bundle")
    row = {
        "metric": "bits per byte",
        "value": 1.5,
        "low": 1.4,
        "high": 1.6,
        "n": 3,
        "unit": "bits",
        "note": "a test's",
    }
    (evaluate / "evaluation.json").write_text(json.dumps({"rows": [row]}))
    (evaluate / "done.json").write_text(json.dumps({"config": {}}))
    run(
        BundleConfig(name="small", notes=["Made by a test."]),
        {**exported_run, "evaluate": evaluate},
        out,
    )
    return out / "bundle"
