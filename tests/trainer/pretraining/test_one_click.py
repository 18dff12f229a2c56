"""transformers' Trainer as the pretraining loop: it learns as the own loop does, and resumes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.pretraining.short_runs import read_metrics, short_settings, weights
from trainer.errors import RecipeError, StageError
from trainer.model.networks import load
from trainer.pretraining.config import EarlyConfig, PretrainConfig
from trainer.pretraining.stage import run

Inputs = dict[str, Path]


def settings(**values: Any) -> PretrainConfig:
    return short_settings(
        **{**{"loop": "transformers", "optimizer": "adamw", "precision": "fp32"}, **values}
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, packed_inputs: Inputs) -> Path:
    """The folder of a run by transformers' Trainer that nothing interrupted."""
    out = tmp_path_factory.mktemp("one click")
    run(settings(), packed_inputs, out)
    return out


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, packed_inputs: Inputs) -> Path:
    """The folder of the own loop's run with the same settings."""
    out = tmp_path_factory.mktemp("own")
    run(settings(loop="own"), packed_inputs, out)
    return out


def test_both_loops_learn_alike_step_by_step(finished: Path, own: Path) -> None:
    ours, theirs = read_metrics(own), read_metrics(finished)
    assert ours[-1]["loss"] < ours[0]["loss"] - 0.5
    for key, close in (("loss", 1e-4), ("grad_norm", 1e-3), ("bits_per_byte", 1e-4)):
        told = [record[key] for record in theirs if key in record]
        assert told == pytest.approx([record[key] for record in ours if key in record], rel=close)
    for key in ("step", "tokens", "lr"):
        assert [record[key] for record in theirs] == [record[key] for record in ours]


def test_both_loops_learn_alike_in_half_the_precision_by_another_schedule(
    packed_inputs: Inputs, tmp_path: Path
) -> None:
    losses = []
    for loop in ("own", "transformers"):
        config = settings(loop=loop, precision="bf16", schedule="cosine", micro_batch=8)
        run(config, packed_inputs, tmp_path / loop)
        losses.append([record["loss"] for record in read_metrics(tmp_path / loop)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_what_the_next_stages_read_is_what_the_own_loop_leaves(finished: Path, own: Path) -> None:
    names = sorted(path.name for path in (own / "model").iterdir())
    assert sorted(path.name for path in (finished / "model").iterdir()) == names
    for name in ("config.json", "tokenizer.json"):
        assert (finished / "model" / name).read_text() == (own / "model" / name).read_text()
    ours, theirs = (json.loads((out / "training.json").read_text()) for out in (own, finished))
    assert list(theirs) == list(ours)
    for key in ("steps", "tokens", "parameters", "flops", "sessions", "precision"):
        assert theirs[key] == ours[key]
    assert theirs["bits_per_byte"] == read_metrics(finished)[-1]["bits_per_byte"]
    assert load(finished / "model").num_parameters() == theirs["parameters"]


@pytest.mark.parametrize("step", [3, 8])
def test_a_run_that_resumes_ends_in_the_same_bits(
    finished: Path, packed_inputs: Inputs, tmp_path: Path, step: int
) -> None:
    for name in ("settings.json", "metrics.jsonl", "sessions.jsonl"):
        shutil.copyfile(finished / name, tmp_path / name)
    saved = finished / "checkpoints" / f"checkpoint-{step}"
    shutil.copytree(saved, tmp_path / "checkpoints" / saved.name)
    unfinished = tmp_path / "checkpoints" / "checkpoint-6"
    shutil.copytree(finished / "checkpoints" / unfinished.name, unfinished)
    (unfinished / "whole.json").unlink()
    (unfinished / "model.safetensors").write_bytes(b"")
    run(settings(), packed_inputs, tmp_path)
    assert weights(tmp_path) == weights(finished)
    losses = [[record["loss"] for record in read_metrics(out)] for out in (tmp_path, finished)]
    assert losses[0] == losses[1]
    assert json.loads((tmp_path / "training.json").read_text())["sessions"] == 2


def test_a_run_is_not_gone_on_with_by_the_other_loop_or_by_other_settings(
    finished: Path, packed_inputs: Inputs, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    with pytest.raises(
        StageError, match=r"begun with pretrain.loop transformers, this run has own"
    ):
        run(settings(loop="own"), packed_inputs, tmp_path / "run")
    with pytest.raises(StageError, match=r"begun with other settings \(learning_rate\)"):
        run(settings(learning_rate=1e-3), packed_inputs, tmp_path / "run")


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "muon"},
        {"loss": "chunked"},
        {"key_tokens": ["fit"]},
        {"budget": "2m"},
        {"half_life_tokens": 4096},
        {"early": EarlyConfig(steps=2)},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_the_trainer_has_no_place_for_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="with loop: transformers, found"):
        settings(**values)
    settings(**values, loop="own")
