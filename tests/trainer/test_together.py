"""Commands in two processes, as accelerate and torchrun start them: `all`, and a stop of tuning.

The processes are real, on processors, with gloo between them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from tests.trainer.recipe_of_all import LOOP, write_recipe
from trainer.pipeline import STAGES
from trainer.runtime.metrics import read_lines

pytestmark = pytest.mark.slow

TIMEOUT = 600
TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "--"]
ACCELERATE = ["accelerate.commands.launch", "--num_processes=2", "--multi_gpu", "-m"]
"""Without a GPU the stages' own Accelerator takes the processors."""

STEPS = 16
"""Of sft and reward: a few more than are taken until a stop arrives."""

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def start(launcher: list[str], *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", *launcher, "trainer", *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=ENVIRONMENT, text=True, **pipes)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, told = process.communicate(timeout=TIMEOUT)
    return process.returncode, told


def steps_of(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in read_lines(folder / "metrics.jsonl")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """The recipe, a run of all its stages in two processes, and what they said."""
    folder = tmp_path_factory.mktemp("together")
    tuning = {"loop": {**LOOP, "steps": STEPS, "eval_every": 8, "checkpoint_every": 8}}
    recipe, run = write_recipe(folder, sft=tuning, reward=tuning), folder / "run"
    code, told = finish(start(ACCELERATE, "all", "--recipe", str(recipe), "--run", str(run)))
    assert code == 0, told[-3000:]
    return recipe, run, told


def test_two_processes_bring_every_stage_to_its_end_once(whole: tuple[Path, Path, str]) -> None:
    _, run, told = whole
    told_stages = [line for line in told.splitlines() if line.startswith("lory-train: ")]
    names = [stage.name for stage in STAGES]
    summary = f"lory-train: stages run: {', '.join(names)}; results in {run}"
    assert told_stages == [*(f"lory-train: stage {name}" for name in names), summary]
    for stage, last in (("pretrain", 4), ("sft", STEPS), ("reward", STEPS), ("ppo", 2)):
        assert steps_of(run / stage) == list(range(1, last + 1))
    assert (run / "bundle" / "bundle" / "bundle.json").exists()
    assert not (run / ".holder.json").exists()


def test_a_second_command_in_two_processes_has_nothing_left_to_do(
    whole: tuple[Path, Path, str],
) -> None:
    recipe, run, _ = whole
    code, told = finish(start(TORCHRUN, "all", "--recipe", str(recipe), "--run", str(run)))
    assert code == 0, told[-3000:]
    assert "every stage was finished before" in told


def test_what_the_first_process_refuses_ends_the_others_too(whole: tuple[Path, Path, str]) -> None:
    recipe, run, _ = whole
    arguments = ["all", "--recipe", str(recipe), "--run", str(run), "--filters.workers", "2"]
    code, told = finish(start(TORCHRUN, *arguments))
    assert code != 0
    assert told.count("filters in") == 1


@pytest.mark.parametrize("stage", ["sft", "reward"])
def test_a_stop_in_one_process_stops_both_and_they_go_on_to_the_same_weights(
    whole: tuple[Path, Path, str], tmp_path: Path, stage: str
) -> None:
    recipe, done, _ = whole
    names = [each.name for each in STAGES]
    for earlier in names[: names.index(stage)]:
        shutil.copytree(done / earlier, tmp_path / earlier)
    arguments = [stage, "--recipe", str(recipe), "--run", str(tmp_path)]
    process = start(TORCHRUN, *arguments)
    stop_second(process, tmp_path / stage)
    code, told = finish(process)
    assert code != 0
    assert "stopped at step" in told
    steps = steps_of(tmp_path / stage)
    assert steps == list(range(1, len(steps) + 1))
    assert 1 < len(steps) < STEPS
    newest = tmp_path / stage / "checkpoints" / f"checkpoint-{len(steps)}"
    parts = {"whole.json", "rng_state_0.pth", "rng_state_1.pth"}
    assert parts <= {file.name for file in newest.iterdir()}
    code, told = finish(start(TORCHRUN, *arguments))
    assert code == 0, told[-3000:]
    assert steps_of(tmp_path / stage) == list(range(1, STEPS + 1))
    weights = [run / stage / "model" / "model.safetensors" for run in (tmp_path, done)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def stop_second(process: "subprocess.Popen[str]", folder: Path) -> None:
    """SIGTERM to the second process alone, once there have been two steps."""
    deadline = time.monotonic() + TIMEOUT
    while len(steps_of(folder)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children(recursive=True)
    (second,) = [worker for worker in workers if worker.environ().get("RANK") == "1"]
    second.send_signal(signal.SIGTERM)
