"""Stage ppo in two processes, as `accelerate launch` and torchrun start them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.runtime.metrics import read_lines

PROGRAM = """
import json, os, sys
from pathlib import Path
import torch
from trainer.errors import RewardError
from trainer.alignment.ppo.stage import run
from trainer.alignment.ppo.loop import PpoLoop
from trainer.alignment.rewards.pool import RewardPool
from trainer.alignment.config import PpoConfig, RewardSpec

torch.set_num_threads(1)
inputs = {name: Path(folder) for name, folder in json.loads(sys.argv[1]).items()}
out, fails = Path(sys.argv[2]), sys.argv[3] == "fails"
config = PpoConfig(
    iterations=2, rollouts=8, rollouts_per_prompt=2, prompt_tokens=64, max_tokens=8, micro_batch=2,
    corpus_kl_blocks=3, eval_every=1, eval_cursors=6, eval_blocks=2, checkpoint_every=1,
    longest_document=200_000, warmup_steps=0, reward_workers=1, sft_coefficient=0.5,
    rewards=[RewardSpec(plugin="parses"), RewardSpec(plugin="match")],
)
train, score = PpoLoop.train, RewardPool.__call__

def trained_alike(self):
    harm = train(self)
    mine = torch.cat([weight.detach().flatten() for weight in self.parts.policy.parameters()])
    one, other = self.accelerator.gather(mine[None])
    assert torch.equal(one, other), "the processes have come apart"
    return harm

def fail_in_one(self, completions):
    if len(completions) == 4 and os.environ["RANK"] == "1":
        raise RewardError("the second process has no reward")
    return score(self, completions)

PpoLoop.train = trained_alike
if fails:
    RewardPool.__call__ = fail_in_one
if __name__ == "__main__":  # workers of rewards import it as well
    run(config, inputs, out)
"""


def launch(inputs: dict[str, Path], out: Path, how: str) -> "subprocess.CompletedProcess[str]":
    program = out.with_name("program.py")
    program.write_text(PROGRAM)
    out.mkdir()
    folders = json.dumps({name: str(folder) for name, folder in inputs.items()})
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
        + [str(program), folders, str(out), how],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def inputs(packed_inputs: dict[str, Path], small_run: dict[str, Path]) -> dict[str, Path]:
    return {**packed_inputs, "pretrain": small_run["pretrain"]}


@pytest.mark.slow
def test_two_processes_share_a_round_and_keep_the_same_weights(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "ppo"

    ended = launch(inputs, out, "works")

    assert ended.returncode == 0, ended.stderr[-3000:]
    iterations = [json.loads(line) for line in read_lines(out / "metrics.jsonl")]
    assert [entry["rollouts"] for entry in iterations] == [8, 16]
    assert all(entry["learning"]["corpus_kl"] > 0 for entry in iterations[1:])
    assert (out / "model" / "model.safetensors").exists()


@pytest.mark.slow
def test_a_reward_that_fails_in_one_process_ends_both(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    ended = launch(inputs, tmp_path / "ppo", "fails")

    assert ended.returncode != 0
    assert "the second process has no reward" in ended.stderr
