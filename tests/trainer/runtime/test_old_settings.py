"""What version 0.1.0 called its settings: recipes are told the new names, run folders go on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.alignment.config import LoopConfig, PpoConfig, SftConfig
from trainer.cli.main import parse, report
from trainer.errors import RecipeError, StageError
from trainer.pipeline import STAGES, Recipe
from trainer.runtime.old_settings import FIXED, RENAMED, advice, differing, recorded, translate

RECORDED = Path(__file__).parents[2] / "cases" / "run_of_0_1_0.json"
"""The records of a small run of every stage, as 0.1.0 wrote them."""


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    for name, text in json.loads(RECORDED.read_text(encoding="utf-8")).items():
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "run"


def test_every_stage_of_an_old_run_counts_as_finished(
    old_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report(parse(["all", "--run", str(old_run)]))
    assert "every stage was finished before" in capsys.readouterr().err
    assert "iterations: 2" in (old_run / "recipe.yaml").read_text(), "it is kept by its new names"


def test_another_value_of_a_renamed_setting_is_a_change_of_it(old_run: Path) -> None:
    with pytest.raises(StageError, match=r"made with other settings \(iterations\); give a new"):
        report(parse(["all", "--run", str(old_run), "--ppo.iterations", "3"]))


def test_an_old_half_trained_stage_goes_on_with_its_settings_and_no_others(old_run: Path) -> None:
    made_with = json.loads((old_run / "sft" / "settings.json").read_text())
    config = parse(["all", "--run", str(old_run)]).recipe.sft
    assert differing("sft", made_with, config, ["sft.loop.eval_every"]) == [
        "loop.checkpoint_every"
    ], "0.1.0 did not note how often it wrote checkpoints"
    faster = replace(config, loop=replace(config.loop, learning_rate=1.0))
    assert "loop.learning_rate" in differing("sft", made_with, faster)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--ppo.rounds", "1"], "ppo.rounds is called ppo.iterations now"),
        (["--sft.steps=1"], "sft.steps is called sft.loop.steps now"),
        (["--ppo.trace", "1"], "ppo.trace is 0.95 in every run now: leave it out"),
        (["--ppo.baseline", "others"], "ppo.baseline: others is called leave_one_out now"),
    ],
)
def test_an_old_setting_is_refused_with_what_to_write_in_its_place(
    arguments: list[str], said: str
) -> None:
    with pytest.raises(RecipeError) as refused:
        parse(["all", *arguments])
    assert str(refused.value).endswith(said)
    assert "\n" not in str(refused.value)


def test_every_old_name_has_advice_and_no_part_of_another_has() -> None:
    for old in (*RENAMED, *FIXED):
        (said,) = advice(f"Subcommand 'all' does not accept option '{old}'")
        assert said.startswith(f"{old} is ")
    assert not list(advice("option 'ppo.rounds_of' and 'ppo.iterations'"))


def test_every_new_name_is_a_setting_and_no_old_one_is() -> None:
    known = {
        name
        for stage in STAGES
        for name in recorded(getattr(Recipe(), stage.name), f"{stage.name}.")
    }
    assert set(RENAMED.values()) <= known
    assert not known & (RENAMED.keys() | FIXED.keys())


def test_a_setting_that_is_fixed_now_counts_where_it_had_another_value() -> None:
    assert translate({"ppo": {"trace": 0.95, "rounds": 3}}) == {"ppo.iterations": 3}
    made_with = recorded(PpoConfig()) | {"trace": 0.9}
    assert differing("ppo", made_with, PpoConfig()) == ["trace"]


def test_a_setting_younger_than_the_record_is_a_change_where_it_is_not_the_default() -> None:
    config = SftConfig(loop=LoopConfig(steps=600, learning_rate=2e-4, warmup_steps=7))
    made_with = recorded(config)
    del made_with["loop.warmup_steps"]
    assert differing("sft", made_with, config) == ["loop.warmup_steps"]
    assert differing("sft", made_with, SftConfig()) == []
