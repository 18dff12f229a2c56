"""Compares the training speed of Lory's loop with that of transformers' trainer.

    python -m trainer.cli.throughput runs/small --steps 6 --rounds 3

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

from trainer.cli.main import parse
from trainer.errors import StageError
from trainer.pretraining.config import PretrainConfig
from trainer.pretraining.stage import open_loop, open_network, settle_precision
from trainer.runtime.cpu import Precision, prepare_process
from trainer.runtime.processes import open_accelerator
from trainer.runtime.run_folder import Inputs

WAYS = ("lory", "transformers")
WARM_UP = 2
"""Steps that are not counted: compilation, first memory, first batches."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of tokens a second; or, for one way in a child process, its step times."""
    parser = argparse.ArgumentParser(prog="python -m trainer.cli.throughput", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run that has stage packing")
    parser.add_argument("--steps", type=int, default=6, help="optimizer steps that are counted")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each trainer")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.way:
        config = replace(read_config(chosen.run), precision=chosen.precision)
        seconds = time_steps(chosen.way, config, chosen.run, chosen.steps)
        sys.stdout.write(json.dumps(seconds) + "\n")
        return
    compare(chosen.run, chosen.steps, chosen.rounds)


def compare(run: Path, steps: int, rounds: int) -> None:
    """All turns, and the table of their medians."""
    from rich.console import Console
    from rich.table import Table

    config = read_config(run)
    precision = settle_precision(config, open_accelerator(), run / "pretrain")
    speeds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            seconds = in_a_process(way, precision, run, steps)
            speeds[way].append(config.batch_tokens / statistics.median(seconds))
    table = Table("trainer", "tokens/s", "of each turn", title=f"{run}, {config.model.preset}")
    for way, found in speeds.items():
        turns = ", ".join(f"{speed:,.0f}" for speed in found)
        table.add_row(way, f"{statistics.median(found):,.0f}", turns)
    pairs = zip(speeds["lory"], speeds["transformers"], strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    Console(markup=False, emoji=False).print(
        table, f"lory is {ratio:.2f} times as fast (median of turns)"
    )


def read_config(run: Path) -> PretrainConfig:
    """The settings of the run's pretrain stage."""
    return parse(["pretrain", "--run", str(run)]).recipe.pretrain


def in_a_process(way: str, precision: Precision, run: Path, steps: int) -> list[float]:
    """Seconds of each counted step of one turn; StageError where the process failed."""
    command = [sys.executable, "-m", "trainer.cli.throughput", str(run), "--steps", str(steps)]
    command += ["--way", way, "--precision", precision]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise StageError(f"throughput: the turn of {way} failed; what it said stands above")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def time_steps(way: str, config: PretrainConfig, run: Path, steps: int) -> list[float]:
    """Seconds of each counted optimizer step."""
    inputs = {stage: run / stage for stage in ("tokenizer", "packing")}
    with tempfile.TemporaryDirectory() as folder:
        if way == "lory":
            prepare_process()
            return time_loop(config, inputs, steps, Path(folder))
        return time_trainer(config, inputs, steps, Path(folder))


def time_loop(config: PretrainConfig, inputs: Inputs, steps: int, out: Path) -> list[float]:
    """Steps of the run's own loop."""
    loop = open_loop(replace(config, eval_every=10**9), inputs, open_accelerator(), out)
    return [timed(lambda: loop.take_step(0.0, 0.0)) for _ in range(WARM_UP + steps)][WARM_UP:]


def timed(work: Any) -> float:
    """Seconds that it takes; what is printed of a step has waited for the accelerator."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def time_trainer(config: PretrainConfig, inputs: Inputs, steps: int, out: Path) -> list[float]:
    """Steps of transformers' Trainer."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

    from trainer.pretraining.batches import Batches, accumulation

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Notes when each optimizer step ends."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_arguments: Any, **_named: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())

    clock = Clock()
    batches = Batches(inputs["packing"], config.batch_tokens // config.model.context)
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
    examples = [{"input_ids": row, "labels": row} for row in rows]
    trainer = Trainer(
        open_network(config, inputs), settings, train_dataset=examples, callbacks=[clock]
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    steps_apart = zip(clock.ends[1:], clock.ends, strict=False)
    return [end - before for end, before in steps_apart][WARM_UP - 1 :]


if __name__ == "__main__":
    main()
