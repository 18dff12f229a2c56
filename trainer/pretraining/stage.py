"""Stage `pretrain`: trains a network on packed blocks; it can be interrupted and resumed.

    checkpoints/     the newest training states
    metrics.jsonl    one line an optimizer step; tensorboard/ has the same as curves
    sessions.jsonl   one line a start: step, seconds so far, and settings, which may change between
    model/           weights and configuration, as transformers saves them, and tokenizer.json
    training.json    steps, tokens, those the bundle it began with had seen, seconds, sessions,
                     held-out bits per byte, size, hardware

Runs alone, or in every process that `torchrun` or `accelerate launch` starts. OMP_NUM_THREADS sets
the threads.
"""

import json
import platform
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lsp_server.contract.prompt import encode, load_tokenizer
from lsp_server.contract.records import write_record
from trainer.errors import StageError
from trainer.pretraining.config import PretrainConfig
from trainer.runtime.checks import require
from trainer.runtime.cpu import Precision, fastest_precision, prepare_process
from trainer.runtime.processes import open_accelerator
from trainer.runtime.run_folder import Inputs

SESSIONS = "sessions.jsonl"
OLD_SESSIONS = "sittings.jsonl"
"""What version 0.1.0 called it."""


def run(config: PretrainConfig, inputs: Inputs, out: Path) -> None:
    """Train to the end of the schedule, from the newest checkpoint in `out` where there is one.

    Raises StageError after an orderly stop, CheckpointError where one cannot be written or read.
    """
    prepare_process()
    accelerator = open_accelerator()
    if accelerator.is_main_process and (out / OLD_SESSIONS).exists():
        (out / OLD_SESSIONS).rename(out / SESSIONS)
    loop = open_loop(config, inputs, accelerator, out)
    if accelerator.is_main_process:
        note_session(loop)
    bits = loop.train()
    if accelerator.is_main_process:
        loop.model.save_pretrained(out / "model")
        shutil.copyfile(inputs["tokenizer"] / "tokenizer.json", out / "model" / "tokenizer.json")
        write_summary(loop, bits)
    accelerator.wait_for_everyone()


def open_loop(config: PretrainConfig, inputs: Inputs, accelerator: Any, out: Path) -> Any:
    """The loop of a run, with its network and data, where its newest checkpoint left it.

    Raises StageError where its checkpoints are the other loop's, or were made from other data.
    """
    import torch

    from trainer.model.attention import use_chunked_attention
    from trainer.pretraining.loop import TrainingLoop
    from trainer.pretraining.one_click import OneClickLoop

    check_loop(config, out)
    torch.manual_seed(config.seed)
    model = open_network(config, inputs)
    data = read_data(config, inputs, model.config.max_position_embeddings)
    if accelerator.device.type == "cpu":
        use_chunked_attention(model, narrow=config.attention == "bf16")
    config = replace(config, precision=settle_precision(config, accelerator, out))
    if config.loop == "transformers":
        return OneClickLoop(config, data, model, out)
    return TrainingLoop(config, data, model, accelerator, out)


def check_loop(config: PretrainConfig, out: Path) -> None:
    """Raise StageError where the run in `out` was begun by the other loop."""
    first = first_settings(out)
    loop = first.get("loop", "own") if first else config.loop
    if loop != config.loop:
        raise StageError(
            f"{out} was begun with pretrain.loop {loop}, this run has {config.loop}; delete it to "
            "start over, or restore the setting"
        )


def open_network(config: PretrainConfig, inputs: Inputs) -> Any:
    """The transformers model that training begins with: a bundle's, or fresh weights."""
    from trainer.corpus.blocks.block_file import read_report
    from trainer.model.networks import build
    from trainer.pretraining.from_bundle import read_model

    if config.bundle:
        return read_model(config.bundle, inputs["tokenizer"] / "tokenizer.json")
    return build(config.model, read_report(inputs["packing"])["vocabulary"])


def read_data(config: PretrainConfig, inputs: Inputs, context: int) -> Any:
    """TrainingData of the packed corpus.

    Raises RecipeError where the blocks are longer than the model's context.
    """
    from trainer.corpus.blocks.block_file import read_report
    from trainer.model.heldout import read_heldout
    from trainer.pretraining.batches import Batches
    from trainer.pretraining.loop import TrainingData

    report = read_report(inputs["packing"])
    block_tokens = report["block_tokens"]
    require(
        block_tokens <= context,
        "packing.block_tokens",
        f"at most the model's context of {context}",
        block_tokens,
    )
    batch_rows = config.batch_tokens // block_tokens
    return TrainingData(
        batches=Batches(inputs["packing"], batch_rows, config.seen_tokens, config.early),
        heldout=read_heldout(inputs["packing"], block_tokens, config.eval_blocks),
        key_ids=key_token_ids(config, inputs["tokenizer"] / "tokenizer.json"),
        fingerprint=fingerprint(config, report),
    )


def fingerprint(config: PretrainConfig, report: dict[str, Any]) -> str:
    """What a checkpoint must share with the run that resumes it, as readable text."""
    model = config.model
    network = f"{model.preset}/{model.block_order} context {model.context}"
    if config.bundle:
        network = f"bundle {config.bundle}"
    if config.seen_tokens:
        network += f" after {config.seen_tokens} tokens"
    if config.early.steps:
        early = config.early
        network += f", early {early.steps} x {early.batch_tokens} in texts of {early.text_tokens}"
    rows = "+".join(str(epoch["rows"]) for epoch in report["epochs"])
    return (
        f"{network}, {config.optimizer}, "
        f"seed {config.seed}, {config.batch_tokens} tokens a batch, {rows} blocks of "
        f"{report['block_tokens']}, tokenizer {report['tokenizer_sha256'][:12]}"
    )


def key_token_ids(config: PretrainConfig, tokenizer_file: Path) -> list[int]:
    """Ids of the key tokens; raises RecipeError for one that is not a single token here."""
    if not config.key_tokens:
        return []
    tokenizer = load_tokenizer(tokenizer_file)
    ids = [encode(tokenizer, token) for token in config.key_tokens]
    for token, found in zip(config.key_tokens, ids, strict=True):
        require(len(found) == 1, "pretrain.key_tokens", "single tokens of the tokenizer", token)
    return [found[0] for found in ids]


def settle_precision(config: PretrainConfig, accelerator: Any, out: Path) -> Precision:
    """The precision that the settings name; for `auto`, that of the run's first session.

    All processes get the first one's answer: a resumed run, or one of several processes, would be
    another run if each timed for itself.
    """
    from accelerate.utils import broadcast_object_list

    if config.precision != "auto":
        return config.precision
    if accelerator.device.type != "cpu":
        return "bf16"
    noted: list[Precision] = ["fp32"]
    if accelerator.is_main_process:  # the others would only disturb its timing
        noted = [first_settings(out).get("precision") or fastest_precision()]
    broadcast_object_list(noted)
    return noted[0]


def first_settings(out: Path) -> dict[str, Any]:
    """Settings of the first session of the run in `out`; none before it."""
    if not (out / SESSIONS).exists():
        return {}
    first = (out / SESSIONS).read_text(encoding="utf-8").splitlines()[0]
    settings: dict[str, Any] = json.loads(first)["settings"]
    return settings


def note_session(loop: Any) -> None:
    """Add a line to `sessions.jsonl`: where this session starts, and with which settings."""
    line = {"step": loop.step, "elapsed": loop.elapsed, "settings": asdict(loop.config)}
    loop.out.mkdir(parents=True, exist_ok=True)
    with (loop.out / SESSIONS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def write_summary(loop: Any, bits: float) -> None:
    """Write `training.json`, last."""
    import torch

    from trainer.runtime.metrics import flops_per_token, peak_flops

    settings, tokens = loop.model.config, loop.data.batches.tokens_before(loop.step)
    parameters = loop.model.num_parameters()
    work = tokens * flops_per_token(
        parameters,
        settings.num_hidden_layers,
        settings.hidden_size,
        loop.data.batches.block_tokens,
    )
    on_gpu = loop.accelerator.device.type == "cuda"
    processor = f"{torch.get_num_threads()} threads on a processor ({platform.machine()})"
    hardware = torch.cuda.get_device_name() if on_gpu else processor
    peak = peak_flops(hardware)
    summary = {
        "steps": loop.step,
        "tokens": tokens,
        "seen_tokens": loop.config.seen_tokens,
        "seconds": round(loop.elapsed, 1),
        "sessions": (loop.out / SESSIONS).read_text(encoding="utf-8").count("\n"),
        "bits_per_byte": bits,
        "parameters": parameters,
        "flops": work,
        "precision": loop.config.precision,
        "hardware": f"{loop.accelerator.num_processes} x {hardware}",
        "mfu": work / loop.elapsed / peak / loop.accelerator.num_processes
        if peak and work
        else None,
    }
    write_record(loop.out / "training.json", summary)
