"""Killed at a random step and resumed, alone and as two processes, a run ends in the same bits."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("pretrain_process.py")
STEPS = 24
TIMEOUT = 600
"""Seconds; starting a process takes most of what a run takes."""

pytestmark = pytest.mark.slow


def command(job: Path, processes: int) -> list[str]:
    if processes == 1:
        return [sys.executable, str(SCRIPT), str(job)]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*launcher, f"--nproc-per-node={processes}", str(SCRIPT), str(job)]


def start(job: Path, processes: int) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    return subprocess.Popen(
        command(job, processes), env=environment, stderr=subprocess.PIPE, text=True
    )


def write_job(folder: Path, inputs: dict[str, Path], **values: Any) -> Path:
    folder.mkdir()
    pretrain = {
        "steps": STEPS,
        "batch_tokens": 512,
        "micro_batch": 2,
        "precision": "bf16",
        "warmup_steps": 3,
        "eval_every": 8,
        "eval_blocks": 6,
        "checkpoint_every": 3,
        **values,
    }
    job = folder / "job.json"
    content = {
        "model": {"preset": "tiny", "context": 64},
        "pretrain": pretrain,
        "inputs": {name: str(path) for name, path in inputs.items()},
        "out": str(folder),
    }
    job.write_text(json.dumps(content))
    return job


def finish(job: Path, processes: int) -> bytes:
    """Run to the end; gives the weights' file."""
    process = start(job, processes)
    _, complaint = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, complaint
    return (job.parent / "model" / "model.safetensors").read_bytes()


def steps_taken(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def kill_all(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the process and all that it started."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        member.kill()
    psutil.wait_procs(family, timeout=TIMEOUT)
    process.communicate()


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_a_random_step_and_resumed_the_final_weights_are_bit_equal(
    packed_inputs: dict[str, Path], tmp_path: Path, processes: int
) -> None:
    whole = write_job(tmp_path / "whole", packed_inputs)
    expected = finish(whole, processes)
    job = write_job(tmp_path / "killed", packed_inputs)
    process = start(job, processes)
    last = random.SystemRandom().randrange(1, STEPS - 5)
    deadline = time.monotonic() + TIMEOUT
    while steps_taken(job.parent) < last and time.monotonic() < deadline:
        time.sleep(0.005)
    kill_all(process)
    assert last <= steps_taken(job.parent) < STEPS
    assert not (job.parent / "model").exists()
    assert finish(job, processes) == expected
    assert steps_taken(job.parent) == STEPS


def test_two_processes_learn_what_one_learns_from_the_same_batches(
    packed_inputs: dict[str, Path], tmp_path: Path
) -> None:
    losses = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        finish(write_job(folder, packed_inputs, steps=4, precision="fp32"), processes)
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
