"""The pretrain stage in one process: it learns, resumes to the same bits, and stops in order."""

import json
import os
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.pretraining.short_runs import read_metrics, short_settings, weights
from trainer.errors import CheckpointError, RecipeError, StageError
from trainer.model.config import ModelConfig
from trainer.model.networks import load
from trainer.pretraining import stage as pretrain
from trainer.pretraining.config import EarlyConfig, PretrainConfig
from trainer.pretraining.stage import run
from trainer.runtime.checkpoint import load_checkpoint, newest_checkpoint

Inputs = dict[str, Path]


def settings(**values: Any) -> PretrainConfig:
    return short_settings(**{**{"precision": "bf16"}, **values})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, packed_inputs: Inputs) -> Path:
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("pretrain")
    run(settings(), packed_inputs, out)
    return out


def test_a_run_leaves_a_model_its_tokenizer_and_its_figures(
    finished: Path, packed_inputs: Inputs
) -> None:
    summary = json.loads((finished / "training.json").read_text())
    assert (summary["steps"], summary["tokens"], summary["seen_tokens"]) == (8, 8 * 512, 0)
    model = load(finished / "model")
    assert model.num_parameters() == summary["parameters"]
    tokenizer = (packed_inputs["tokenizer"] / "tokenizer.json").read_bytes()
    assert (finished / "model" / "tokenizer.json").read_bytes() == tokenizer


def test_loss_falls_and_held_out_bits_are_measured_where_due(finished: Path) -> None:
    metrics = read_metrics(finished)
    assert [record["step"] for record in metrics] == list(range(1, 9))
    assert metrics[-1]["loss"] < metrics[0]["loss"] - 0.5
    measured = {record["step"]: record.get("bits_per_byte") for record in metrics}
    assert [step for step, bits in measured.items() if bits is not None] == [4, 8]
    assert json.loads((finished / "training.json").read_text())["bits_per_byte"] == measured[8]


def test_training_on_begins_behind_the_tokens_that_were_seen(packed_inputs: Inputs) -> None:
    fresh = pretrain.read_data(settings(), packed_inputs, 64)
    on = pretrain.read_data(settings(seen_tokens=3 * 512), packed_inputs, 64)
    assert (on.batches.at(0) == fresh.batches.at(3)).all()
    assert on.fingerprint != fresh.fingerprint


def test_early_steps_are_counted_in_tokens_and_a_run_resumes_among_them(
    packed_inputs: Inputs, tmp_path: Path
) -> None:
    early = EarlyConfig(steps=4, batch_tokens=128, text_tokens=32)
    config = settings(early=early, half_life_tokens=4096)
    run(config, packed_inputs, tmp_path / "whole")
    metrics = read_metrics(tmp_path / "whole")
    assert [record["tokens"] for record in metrics][2:6] == [384, 512, 1024, 1536]
    saved = tmp_path / "whole" / "checkpoints" / "step-00000003"
    shutil.copytree(saved, tmp_path / "resumed" / "checkpoints" / saved.name)
    run(config, packed_inputs, tmp_path / "resumed")
    assert weights(tmp_path / "resumed") == weights(tmp_path / "whole")
    with pytest.raises(StageError, match="this run has"):
        run(settings(), packed_inputs, tmp_path / "resumed")


@pytest.mark.parametrize("step", [3, 6])
def test_a_run_that_resumes_from_any_checkpoint_ends_in_the_same_bits(
    finished: Path, packed_inputs: Inputs, tmp_path: Path, step: int
) -> None:
    name = f"step-{step:08d}"
    shutil.copytree(finished / "checkpoints" / name, tmp_path / "checkpoints" / name)
    shutil.copyfile(finished / "metrics.jsonl", tmp_path / "metrics.jsonl")
    run(settings(), packed_inputs, tmp_path)
    assert weights(tmp_path) == weights(finished)
    losses = [[record["loss"] for record in read_metrics(out)] for out in (tmp_path, finished)]
    assert losses[0] == losses[1]


def test_every_session_leaves_the_settings_it_went_on_with(
    finished: Path, packed_inputs: Inputs, tmp_path: Path
) -> None:
    saved = finished / "checkpoints" / "step-00000006"
    shutil.copytree(saved, tmp_path / "checkpoints" / saved.name)
    shutil.copyfile(finished / "sessions.jsonl", tmp_path / "sittings.jsonl")  # as 0.1.0 has it
    run(settings(decay_share=0.2), packed_inputs, tmp_path)
    lines = (tmp_path / "sessions.jsonl").read_text().splitlines()
    sessions = [json.loads(line) for line in lines]
    assert [session["step"] for session in sessions] == [0, 6]
    assert [session["settings"]["decay_share"] for session in sessions] == [0.4, 0.2]
    assert sessions[1]["elapsed"] > sessions[0]["elapsed"] == 0
    assert json.loads((tmp_path / "training.json").read_text())["sessions"] == 2


def test_the_first_session_settles_the_precision_of_all(
    packed_inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for steps, faster in ((2, "fp32"), (4, "bf16")):
        monkeypatch.setattr(pretrain, "fastest_precision", lambda faster=faster: faster)
        run(settings(precision="auto", steps=steps), packed_inputs, tmp_path)
        assert json.loads((tmp_path / "training.json").read_text())["precision"] == "fp32"
    lines = (tmp_path / "sessions.jsonl").read_text().splitlines()
    assert [json.loads(line)["settings"]["precision"] for line in lines] == ["fp32", "fp32"]


def test_gradient_accumulation_gives_the_gradient_of_the_whole_batch(
    finished: Path, packed_inputs: Inputs, tmp_path: Path
) -> None:
    run(settings(micro_batch=8, precision="fp32", steps=1), packed_inputs, tmp_path / "whole")
    run(settings(micro_batch=2, precision="fp32", steps=1), packed_inputs, tmp_path / "parts")
    whole, parts = (read_metrics(tmp_path / name)[0] for name in ("whole", "parts"))
    assert whole["loss"] == pytest.approx(parts["loss"], rel=1e-5)
    assert whole["grad_norm"] == pytest.approx(parts["grad_norm"], rel=1e-4)


def test_a_run_with_what_is_faster_on_a_processor_learns_the_same(
    finished: Path, packed_inputs: Inputs, tmp_path: Path
) -> None:
    run(settings(loss="chunked", attention="bf16"), packed_inputs, tmp_path)
    for faster, plain in zip(read_metrics(tmp_path), read_metrics(finished), strict=True):
        assert faster["loss"] == pytest.approx(plain["loss"], rel=0.01)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_weights_depend_on_the_seed_alone(
    packed_inputs: Inputs, tmp_path: Path, optimizer: Any
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        config = settings(steps=2, seed=seed, optimizer=optimizer)
        run(config, packed_inputs, tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


@pytest.mark.alone
def test_a_budget_lands_the_decay_on_time(packed_inputs: Inputs, tmp_path: Path) -> None:
    run(settings(budget="4s", steps=100_000, checkpoint_every=1000), packed_inputs, tmp_path)
    metrics = read_metrics(tmp_path)
    longest = max(512 / record["tokens_per_second"] for record in metrics)
    assert metrics[-1]["seconds"] + longest >= 4.0
    assert metrics[-1]["seconds"] <= 4.0 + longest + 1.0
    rates = [record["lr"] for record in metrics if record["seconds"] > 2.4]
    assert rates == sorted(rates, reverse=True)
    assert metrics[-1]["lr"] < 0.35


@pytest.fixture
def soon() -> Callable[[Path, int], threading.Thread]:
    """Sends a signal to this process as soon as a run has taken its first step."""

    def send(out: Path, number: int) -> threading.Thread:
        def wait() -> None:
            while not (out / "metrics.jsonl").exists() or not read_metrics(out):
                time.sleep(0.02)
            os.kill(os.getpid(), number)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    return send


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_writes_a_checkpoint_and_says_how_to_resume(
    packed_inputs: Inputs,
    tmp_path: Path,
    soon: Callable[[Path, int], threading.Thread],
    number: int,
) -> None:
    config = settings(steps=2000, eval_every=5000, checkpoint_every=5000)
    before = signal.getsignal(number)
    thread = soon(tmp_path, number)
    with pytest.raises(StageError, match="give the same command again to go on from there"):
        run(config, packed_inputs, tmp_path)
    thread.join()
    path = newest_checkpoint(tmp_path / "checkpoints")
    assert path is not None
    assert load_checkpoint(path).step == read_metrics(tmp_path)[-1]["step"] > 0
    assert signal.getsignal(number) is before


def test_a_full_disk_stops_the_run_with_its_last_checkpoint_whole(
    finished: Path, packed_inputs: Inputs, tmp_path: Path
) -> None:
    saved = finished / "checkpoints" / "step-00000003"
    shutil.copytree(saved, tmp_path / "checkpoints" / saved.name)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(CheckpointError, match="free some space and resume"):
            run(settings(), packed_inputs, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    run(settings(), packed_inputs, tmp_path)
    assert weights(tmp_path) == weights(finished)


def test_a_checkpoint_of_another_run_is_refused(
    finished: Path, packed_inputs: Inputs, tmp_path: Path
) -> None:
    shutil.copytree(finished / "checkpoints", tmp_path / "checkpoints")
    with pytest.raises(StageError, match="was made with tiny/gpt2 .* this run has tiny/gpt2"):
        run(settings(seed=1), packed_inputs, tmp_path)


def test_blocks_longer_than_the_context_are_refused(packed_inputs: Inputs, tmp_path: Path) -> None:
    config = settings(model=ModelConfig(preset="tiny", context=32))
    with pytest.raises(RecipeError, match="at most the model's context of 32, found 64"):
        run(config, packed_inputs, tmp_path)


def test_key_tokens_change_what_is_learned_and_must_be_single_tokens(
    finished: Path, packed_inputs: Inputs, tmp_path: Path
) -> None:
    run(settings(key_tokens=["(", "="]), packed_inputs, tmp_path)
    assert weights(tmp_path) != weights(finished)
    with pytest.raises(RecipeError, match="expected single tokens of the tokenizer"):
        run(settings(key_tokens=["return self._parse"]), packed_inputs, tmp_path / "other")
