"""The pipeline: order, what is done stays done, other settings are refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from trainer import pipeline
from trainer.config import Recipe, SourcesConfig, SourceSpec
from trainer.errors import StageError
from trainer.pipeline import STAGES, run_stage

SOURCES, FILTERS = STAGES[0], STAGES[1]


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


def test_every_stage_has_its_settings_in_the_recipe() -> None:
    assert {stage.name for stage in STAGES} == set(Recipe.__dataclass_fields__)


def test_stages_run_in_the_order_of_the_main_line() -> None:
    order = "sources filters dedup tokenizer packing pretrain export evaluate bundle"
    assert [stage.name for stage in pipeline.STAGES] == order.split()
