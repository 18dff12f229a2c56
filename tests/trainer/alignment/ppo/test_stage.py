"""Stage ppo on a small run: what it leaves, how it resumes, and what it refuses."""

import copy
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import pytest
from safetensors.torch import load_file

from lsp_server.contract.prompt import load_tokenizer
from lsp_server.engines import StopReason
from trainer.alignment.config import PpoConfig, RewardSpec
from trainer.alignment.ppo.evaluation import HeldOutEvaluator
from trainer.alignment.ppo.prompts import RolloutPrompt
from trainer.alignment.ppo.stage import heldout_task, run, stop_rule
from trainer.alignment.rewards.pool import RewardPool
from trainer.alignment.rewards.protocol import Completion, Scores
from trainer.errors import CorpusError, RecipeError, RewardError, StageError
from trainer.model.networks import load
from trainer.runtime.checkpoint import load_checkpoint
from trainer.runtime.metrics import read_lines

SMALL = PpoConfig(
    iterations=2,
    rollouts=8,
    rollouts_per_prompt=2,
    prompt_tokens=64,
    max_tokens=8,
    micro_batch=4,
    eval_every=1,
    eval_cursors=6,
    eval_blocks=2,
    checkpoint_every=1,
    longest_document=200_000,
    rewards=[RewardSpec(plugin="parses"), RewardSpec(plugin="match", weight=0.5)],
)


@pytest.fixture(scope="module")
def inputs(packed_inputs: dict[str, Path], small_run: dict[str, Path]) -> dict[str, Path]:
    return {**packed_inputs, "pretrain": small_run["pretrain"]}


def test_it_leaves_weights_samples_and_figures(inputs: dict[str, Path], tmp_path: Path) -> None:
    run(replace(SMALL, eval_samples=2), inputs, tmp_path)

    iterations = [json.loads(line) for line in read_lines(tmp_path / "metrics.jsonl")]
    assert [entry["step"] for entry in iterations] == [1, 2]
    assert all(entry["parts"].keys() == {"parses", "match"} for entry in iterations)
    assert {"reward", "valid", "exact", "bits_per_byte", "empty"} <= iterations[-1][
        "heldout"
    ].keys()
    before = load_file(inputs["pretrain"] / "model" / "model.safetensors")
    after = load_file(tmp_path / "model" / "model.safetensors")
    assert before.keys() == after.keys()
    assert (tmp_path / "model" / "tokenizer.json").exists()
    samples = [json.loads(line) for line in read_lines(tmp_path / "samples.jsonl")]
    assert 0 < len(samples) <= SMALL.eval_cursors
    assert {"truth", "before", "after", "reward_before", "reward_after"} <= samples[0].keys()
    summary = json.loads((tmp_path / "training.json").read_text())
    assert summary["figures"]["rollouts"] == 16
    assert {"reward", "valid", "exact", "sampled/valid"} <= summary["changes"].keys()
    assert summary["changes"]["sampled/valid"]["n"] == 2 * len(samples)
    for name, change in summary["changes"].items():
        found = summary["after"][name] - summary["before"][name]
        assert change["value"] == pytest.approx(found), name
        assert change["low"] <= change["value"] <= change["high"]


def test_the_end_is_measured_where_no_weights_were_chosen(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    one = replace(SMALL, iterations=1, eval_cursors=1, eval_samples=2)
    with_test = replace(one, test_cursors=2)
    folders = chosen_on, tested, _ = [tmp_path / name for name in ("0", "2", "every")]
    for folder, config in zip(folders, (one, with_test, replace(one, eval_cursors=3)), strict=True):
        folder.mkdir()
        run(config, inputs, folder)

    evaluations, test, both = map(texts_and_places, folders)
    assert evaluations + test == both
    assert len(test) == 2
    summary = json.loads((tested / "training.json").read_text())
    assert summary["changes"]["sampled/valid"]["n"] == 2 * 2
    assert summary["before"] == json.loads((tested / "before_test.json").read_text())["figures"]

    for taken_up in (with_test, replace(one, test_cursors=1)):
        run(taken_up, inputs, chosen_on)
        assert texts_and_places(chosen_on) == test[: taken_up.test_cursors]
    run(one, inputs, tested)
    assert texts_and_places(tested) == evaluations


def test_evaluations_have_to_leave_cursors_to_the_test(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match="lower ppo.eval_cursors"):
        run(replace(SMALL, eval_cursors=100_000, test_cursors=1), inputs, tmp_path)
    assert not any(tmp_path.iterdir())


def texts_and_places(folder: Path) -> list[tuple[str, ...]]:
    """What a run's samples show: where, the truth, and what was written before tuning."""
    samples = [json.loads(line) for line in read_lines(folder / "samples.jsonl")]
    names = ("path", "prefix_tail", "truth", "before")
    return [tuple(sample[name] for name in names) for sample in samples]


def test_what_was_written_before_is_worth_what_it_was(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    def length(completions: Sequence[Completion]) -> Scores:
        cut_off = [completion.stop is StopReason.LENGTH for completion in completions]
        lengths = [len(completion.text) for completion in completions]
        return Scores(tuple(map(sum, zip(lengths, cut_off, strict=True))), {})

    model = load(inputs["pretrain"] / "model")
    tokenizer = load_tokenizer(inputs["pretrain"] / "model" / "tokenizer.json")
    config = replace(SMALL, max_tokens=24, eval_cursors=20)
    task = heldout_task(config, inputs, tokenizer, cast(RewardPool, length))
    evaluator = HeldOutEvaluator(task, tmp_path / "before.json", model)
    without_words = copy.deepcopy(model)
    without_words.get_input_embeddings().weight.data.zero_()

    evaluator.compare(without_words, tmp_path / "samples.jsonl")

    samples = [json.loads(line) for line in read_lines(tmp_path / "samples.jsonl")]
    worth = [sample["reward_before"] for sample in samples]
    assert worth != [sample["reward_after"] for sample in samples]
    assert sum(worth) / len(worth) == pytest.approx(evaluator.before["reward"])


def test_rollouts_at_problems_are_rewarded_by_their_tests(
    inputs: dict[str, Path], tmp_path: Path, problems: str
) -> None:
    config = replace(
        SMALL,
        prompt_source="problems",
        problems=[problems],
        iterations=1,
        eval_cursors=2,
        rewards=[RewardSpec(plugin="tests"), RewardSpec(plugin="parses", weight=0.1)],
    )
    run(config, inputs, tmp_path)
    (entry,) = [json.loads(line) for line in read_lines(tmp_path / "metrics.jsonl")]
    assert entry["parts"].keys() == {"tests", "parses"}
    assert 0 <= entry["parts"]["tests"] <= 1
    assert entry["skipped"] == 0


def test_problems_have_to_be_named() -> None:
    with pytest.raises(RecipeError, match="ppo.problems: expected files of problems"):
        replace(SMALL, prompt_source="problems")


def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    for folder in (whole, halves):
        folder.mkdir()
    run(SMALL, inputs, whole)
    run(replace(SMALL, iterations=1), inputs, halves)
    run(SMALL, inputs, halves)

    last = Path("checkpoints", "step-00000002")
    one, other = (load_checkpoint(folder / last) for folder in (whole, halves))
    assert all((one.model[name] == other.model[name]).all() for name in one.model)
    assert one.facts == other.facts


def test_other_settings_do_not_take_up_a_checkpoint(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    run(replace(SMALL, iterations=1), inputs, tmp_path)

    with pytest.raises(StageError, match="restore the settings"):
        run(replace(SMALL, clip=0.1), inputs, tmp_path)


def test_no_reward_an_unknown_one_and_a_prompt_too_long_are_refused(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(RewardError, match="expected one reward or more"):
        run(replace(SMALL, rewards=[]), inputs, tmp_path)
    with pytest.raises(RewardError, match="unknown reward nice; known: .*parses"):
        run(replace(SMALL, rewards=[RewardSpec(plugin="nice")]), inputs, tmp_path)
    with pytest.raises(RecipeError, match="ppo.prompt_tokens: expected at most"):
        run(replace(SMALL, prompt_tokens=100_000), inputs, tmp_path)


@pytest.mark.parametrize(
    ("prompt_source", "lead", "text", "kept"),
    [
        ("cursors", "", "a = 1\nb", 5),
        ("cursors", "", "\nb", 0),
        ("cursors", "", "a = END 1\n", 4),
        ("cursors", "\n    ", "\n    a = 1\nb", 10),
        ("cursors", "\n    ", "\n    a", None),
        ("cursors", "\n    ", "\n    ", None),
        ("cursors", "\r\n", "\r\na\r\n", 3),
        ("openings", "", "a\nb END", 4),
        ("openings", "", "a\nb", None),
    ],
)
def test_a_rollout_ends_at_its_line_or_before_a_stop_string(
    prompt_source: Literal["cursors", "openings"], lead: str, text: str, kept: int | None
) -> None:
    config = replace(SMALL, prompt_source=prompt_source, stop_strings=["END"])
    prompt = RolloutPrompt((1,), "a.py", "", "", "", "r", lead=lead)

    assert stop_rule(config, prompt)(text) == kept
