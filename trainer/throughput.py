"""Throughput: takes a run's packed data and settings, gives tokens a second of two trainers.

    python -m trainer.throughput runs/small --steps 6 --rounds 3

The run's own loop beside transformers' Trainer on the same network, blocks, precision and batch.
They take turns, each in a process of its own, so that neither finds the other's threads or memory.
The Trainer gets what its documentation recommends: fused AdamW, its own attention, the same
compilation; it trains across the documents of a block, which ours keeps apart.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from trainer.cli import parse
from trainer.config import PretrainConfig
from trainer.errors import StageError
from trainer.processor import fastest_precision, prepare_process

WAYS = ("lory", "transformers")
WARM_UP = 2
"""Steps that are not counted: compilation, first memory, first batches."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of tokens a second; or, for one way in a child process, its step times."""
    parser = argparse.ArgumentParser(prog="python -m trainer.throughput", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run that has stage packing")
    parser.add_argument("--steps", type=int, default=6, help="optimizer steps that are counted")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each trainer")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.way:
        seconds = time_steps(chosen.way, chosen.run, chosen.steps)
        sys.stdout.write(json.dumps(seconds) + "\n")
        return
    compare(chosen.run, chosen.steps, chosen.rounds)


def compare(run: Path, steps: int, rounds: int) -> None:
    """All turns, and the table of their medians."""
    from rich.console import Console
    from rich.table import Table

    config = read_config(run)
    speeds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            seconds = in_a_process(way, run, steps)
            speeds[way].append(config.batch_tokens / statistics.median(seconds))
    table = Table("trainer", "tokens/s", "of each turn", title=f"{run}, {config.model.preset}")
    for way, found in speeds.items():
        turns = ", ".join(f"{speed:,.0f}" for speed in found)
        table.add_row(way, f"{statistics.median(found):,.0f}", turns)
    pairs = zip(speeds["lory"], speeds["transformers"], strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    Console().print(table, f"lory is {ratio:.2f} times as fast (median of turns)")


def read_config(run: Path) -> PretrainConfig:
    """The settings of the run's pretrain stage, with a precision that is settled."""
    config = parse(["pretrain", "--run", str(run)]).recipe.pretrain
    if config.precision == "auto":
        import torch

        settled = "bf16" if torch.cuda.is_available() else fastest_precision()
        config = replace(config, precision=settled)
    return config


def in_a_process(way: str, run: Path, steps: int) -> list[float]:
    """Seconds of each counted step of one turn; StageError where the process failed."""
    command = [sys.executable, "-m", "trainer.throughput", str(run), "--steps", str(steps)]
    done = subprocess.run([*command, "--way", way], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise StageError(f"throughput: the turn of {way} failed; what it said stands above")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def time_steps(way: str, run: Path, steps: int) -> list[float]:
    """Seconds of each counted optimizer step."""
    with tempfile.TemporaryDirectory() as folder:
        if way == "lory":
            prepare_process()
            return time_loop(run, steps, Path(folder))
        return time_trainer(run, steps, Path(folder))


def time_loop(run: Path, steps: int, out: Path) -> list[float]:
    """Steps of the run's own loop."""
    import torch
    from accelerate import Accelerator

    from trainer.attention import use_chunked_attention
    from trainer.model import build
    from trainer.pretrain import read_data
    from trainer.training_loop import TrainingLoop

    config = read_config(run)
    inputs = {stage: run / stage for stage in ("tokenizer", "packing")}
    accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
    model = build(config.model, read_vocabulary(run))
    if accelerator.device.type == "cpu":
        use_chunked_attention(model)
    data = read_data(config, inputs, config.model.context)
    loop = TrainingLoop(replace(config, eval_every=10**9), data, model, accelerator, out)
    return [timed(lambda: loop.take_step(0.0, 0.0)) for _ in range(WARM_UP + steps)][WARM_UP:]


def timed(work: Any) -> float:
    """Seconds that it takes; what is printed of a step has waited for the accelerator."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def time_trainer(run: Path, steps: int, out: Path) -> list[float]:
    """Steps of transformers' Trainer."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    from trainer.batches import Batches, accumulation
    from trainer.model import build

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Notes when each optimizer step ends."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_arguments: Any, **_named: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())

    config, clock = read_config(run), Clock()
    batches = Batches(run / "packing", config.batch_tokens // config.model.context)
    rows = [row.astype("int64") for step in range(WARM_UP + steps) for row in batches.at(step)]
    settings = TrainingArguments(
        output_dir=str(out),
        max_steps=WARM_UP + steps,
        per_device_train_batch_size=config.micro_batch,
        gradient_accumulation_steps=accumulation(config, batches.block_tokens, 1),
        learning_rate=config.learning_rate,
        optim="adamw_torch_fused",
        bf16=config.precision == "bf16",
        torch_compile=config.compile,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    model = build(config.model, read_vocabulary(run))
    examples = [{"input_ids": row, "labels": row} for row in rows]
    trainer = Trainer(model, settings, train_dataset=examples, callbacks=[clock])
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    steps_apart = zip(clock.ends[1:], clock.ends, strict=False)
    return [end - before for end, before in steps_apart][WARM_UP - 1 :]


def read_vocabulary(run: Path) -> int:
    """Ids of the packed blocks' tokenizer."""
    from trainer.batches import read_report

    vocabulary: int = read_report(run / "packing")["vocabulary"]
    return vocabulary


if __name__ == "__main__":
    main()
