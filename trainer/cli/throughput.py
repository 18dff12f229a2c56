"""How many tokens a second the own loop and transformers' Trainer make of a run, measured in turns.

    python -m trainer.cli.throughput runs/small --steps 6 --rounds 3

Both are loops of stage `pretrain`, on the same network, attention, blocks, precision and batch.
They take turns, each in a process of its own, so that neither finds the other's threads or memory.
The own loop keeps the run's settings; of these the Trainer gets AdamW and the plain loss alone.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from trainer.cli.main import parse
from trainer.errors import StageError
from trainer.pretraining.config import ONE_CLICK, EarlyConfig, PretrainConfig
from trainer.pretraining.stage import run as train
from trainer.pretraining.stage import settle_precision
from trainer.runtime.cpu import Precision
from trainer.runtime.metrics import read_lines
from trainer.runtime.processes import open_accelerator

Loop = Literal["own", "transformers"]
WAYS: tuple[Loop, ...] = get_args(Loop)
SELDOM: Mapping[str, Any] = {
    "eval_every": 10**9,
    "eval_blocks": 1,
    "checkpoint_every": 10**9,
    "early": EarlyConfig(),
}
"""Settings that keep a turn to its steps, all of one size."""

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
        way: Loop = chosen.way
        config = replace(read_config(chosen.run), precision=chosen.precision)
        seconds = time_steps(way, config, chosen.run, chosen.steps)
        sys.stdout.write(json.dumps(seconds) + "\n")
        return
    compare(chosen.run, chosen.steps, chosen.rounds)


def compare(run: Path, steps: int, rounds: int) -> None:
    """All turns, and the table of their medians."""
    from rich.console import Console
    from rich.table import Table

    config = read_config(run)
    precision = settle_precision(config, open_accelerator(), run / "pretrain")
    speeds: dict[Loop, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            seconds = in_a_process(way, precision, run, steps)
            speeds[way].append(config.batch_tokens / statistics.median(seconds))
    table = Table("trainer", "tokens/s", "of each turn", title=f"{run}, {config.model.preset}")
    for loop, found in speeds.items():
        turns = ", ".join(f"{speed:,.0f}" for speed in found)
        table.add_row(loop, f"{statistics.median(found):,.0f}", turns)
    pairs = zip(speeds["own"], speeds["transformers"], strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    Console(markup=False, emoji=False).print(
        table, f"the own loop is {ratio:.2f} times as fast (median of turns)"
    )


def read_config(run: Path) -> PretrainConfig:
    """The settings of the run's pretrain stage."""
    return parse(["pretrain", "--run", str(run)]).recipe.pretrain


def in_a_process(way: Loop, precision: Precision, run: Path, steps: int) -> list[float]:
    """Seconds of each counted step of one turn; StageError where the process failed."""
    command = [sys.executable, "-m", "trainer.cli.throughput", str(run), "--steps", str(steps)]
    command += ["--way", way, "--precision", precision]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise StageError(f"throughput: the turn of {way} failed; what it said stands above")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def time_steps(way: Loop, config: PretrainConfig, run: Path, steps: int) -> list[float]:
    """Seconds of each counted optimizer step, from the metrics that the stage writes."""
    if way == "transformers":
        config = replace(config, **ONE_CLICK)
    config = replace(config, loop=way, steps=WARM_UP + steps, budget="", **SELDOM)
    inputs = {stage: run / stage for stage in ("tokenizer", "packing")}
    with tempfile.TemporaryDirectory() as folder:
        train(config, inputs, Path(folder))
        lines = read_lines(Path(folder) / "metrics.jsonl")
    speeds = [json.loads(line)["tokens_per_second"] for line in lines]
    return [config.batch_tokens / speed for speed in speeds][WARM_UP:]


if __name__ == "__main__":
    main()
