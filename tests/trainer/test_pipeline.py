"""The pipeline: order, what is done stays done, other settings are refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from trainer import pipeline
from trainer.corpus.config import SourcesConfig, SourceSpec
from trainer.errors import StageError
from trainer.pipeline import (
    STAGES,
    Recipe,
    changed_inputs,
    check_run,
    input_digests,
    run_stage,
    stages_of,
)

SOURCES, FILTERS, DEDUP = STAGES[:3]
PRETRAIN = next(stage for stage in STAGES if stage.name == "pretrain")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """One folder with one file, every stage at its defaults."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "one.py").write_text("def one() -> int:\n    return 1\n" * 20)
    spec = SourceSpec(plugin="folder", options={"path": str(code)})
    return Recipe(sources=SourcesConfig(sources=[spec]))


def test_a_finished_stage_is_not_run_again(recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_stage(SOURCES, recipe, run)
    before = (run / "sources" / "done.json").stat().st_mtime_ns
    assert not run_stage(SOURCES, recipe, run)
    assert (run / "sources" / "done.json").stat().st_mtime_ns == before


def test_a_stage_without_its_inputs_names_the_missing_one(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="filters needs stage sources.*lory-train sources --run"):
        run_stage(FILTERS, recipe, tmp_path / "run")


def test_a_finished_stage_refuses_other_settings(recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_stage(SOURCES, recipe, run)
    other = replace(recipe, sources=replace(recipe.sources, max_file_bytes=5))
    with pytest.raises(StageError, match="other settings \\(max_file_bytes\\)"):
        run_stage(SOURCES, other, run)


def test_a_stage_without_its_mark_starts_over_in_an_empty_folder(
    recipe: Recipe, tmp_path: Path
) -> None:
    half = tmp_path / "run" / "sources"
    half.mkdir(parents=True)
    (half / "left-over").write_text("half")
    run_stage(SOURCES, recipe, tmp_path / "run")
    assert not (half / "left-over").exists()
    assert json.loads((half / "done.json").read_text())["stage"] == "sources"


@pytest.fixture
def filtered(recipe: Recipe, tmp_path: Path) -> Path:
    """A run with its first two stages done."""
    run = tmp_path / "run"
    for stage in (SOURCES, FILTERS):
        run_stage(stage, recipe, run)
    return run


def make_sources_again(recipe: Recipe, run: Path) -> None:
    """With equal settings, from equal files."""
    shutil.rmtree(run / "sources")
    run_stage(SOURCES, recipe, run)


def test_stages_made_before_an_earlier_one_was_made_again_are_refused(
    recipe: Recipe, filtered: Path
) -> None:
    assert not run_stage(FILTERS, recipe, filtered)
    make_sources_again(recipe, filtered)
    stale = f"filters was made from another sources .* delete {filtered / 'filters'} to make"
    for stage in (FILTERS, DEDUP):
        with pytest.raises(StageError, match=stale):
            run_stage(stage, recipe, filtered)
    shutil.rmtree(filtered / "filters")
    assert run_stage(FILTERS, recipe, filtered)


def test_all_refuses_before_it_makes_a_deleted_stage_again(recipe: Recipe, filtered: Path) -> None:
    shutil.rmtree(filtered / "sources")
    with pytest.raises(StageError, match="filters was made from another sources"):
        check_run(stages_of(recipe), recipe, filtered)


def test_a_stage_that_older_versions_finished_is_accepted(recipe: Recipe, filtered: Path) -> None:
    mark = filtered / "filters" / "done.json"
    record = json.loads(mark.read_text())
    mark.write_text(json.dumps({key: record[key] for key in ("stage", "config", "seconds")}))
    make_sources_again(recipe, filtered)
    assert not run_stage(FILTERS, recipe, filtered)


@pytest.mark.parametrize("known", [True, False])
def test_a_half_finished_stage_resumes_only_from_the_inputs_it_was_begun_from(
    recipe: Recipe, filtered: Path, known: bool
) -> None:
    half = filtered / "pretrain"
    half.mkdir()
    if known:
        begun = {"inputs": input_digests(PRETRAIN, STAGES, filtered)}
        (half / "begun.json").write_text(json.dumps(begun))
    check_run(stages_of(recipe), recipe, filtered)
    make_sources_again(recipe, filtered)
    shutil.rmtree(filtered / "filters")
    run_stage(FILTERS, recipe, filtered)
    changed = changed_inputs(PRETRAIN, STAGES, filtered)
    assert changed == (["sources", "filters"] if known else [])


def test_every_stage_has_its_settings_in_the_recipe() -> None:
    assert {stage.name for stage in STAGES} | {"tune", "language"} == set(
        Recipe.__dataclass_fields__
    )


def test_stages_run_in_the_order_of_the_main_line() -> None:
    data, tuning = "sources filters dedup tokenizer packing pretrain", "sft preferences reward ppo"
    order = f"{data} {tuning} export evaluate bundle"
    assert [stage.name for stage in pipeline.STAGES] == order.split()


def test_a_recipe_without_tuning_goes_from_pretraining_to_export(recipe: Recipe) -> None:
    names = [stage.name for stage in stages_of(recipe)]
    assert names[names.index("pretrain") + 1] == "export"


def test_tuning_stages_run_in_their_order_whatever_the_recipes(recipe: Recipe) -> None:
    tuned = replace(recipe, tune=["ppo", "sft"])
    names = [stage.name for stage in stages_of(tuned)]
    assert names[names.index("pretrain") + 1 :][:3] == ["sft", "ppo", "export"]


def test_a_tuning_stage_that_the_recipe_leaves_out_is_refused(
    recipe: Recipe, filtered: Path
) -> None:
    sft = next(stage for stage in STAGES if stage.name == "sft")
    with pytest.raises(StageError, match="sft: expected it among .* add it: --tune"):
        run_stage(sft, recipe, filtered)


def test_a_stage_is_stale_once_a_stage_before_it_is_taken_into_the_recipe(
    recipe: Recipe, filtered: Path
) -> None:
    assert changed_inputs(FILTERS, (SOURCES, FILTERS), filtered) == []
    (filtered / "dedup").mkdir()
    (filtered / "dedup" / "done.json").write_text("{}")
    assert changed_inputs(FILTERS, (SOURCES, DEDUP, FILTERS), filtered) == ["dedup"]
