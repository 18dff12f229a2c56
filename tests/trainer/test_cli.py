"""The trainer's command line: recipes, overrides, and one clear line for bad input."""

from pathlib import Path

import pytest

from trainer.cli import RECIPES, find_recipe, parse
from trainer.errors import RecipeError


def test_an_override_wins_over_the_recipe_and_the_recipe_over_the_default(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("pretrain: {steps: 7, micro_batch: 3}\n")
    arguments = ["all", "--recipe", str(recipe), "--run", str(tmp_path / "run")]
    command, resolved, _ = parse([*arguments, "--pretrain.steps", "9"])
    assert command == "all"
    assert (resolved.pretrain.steps, resolved.pretrain.micro_batch) == (9, 3)
    assert resolved.packing.block_tokens == 1024


def test_a_run_begun_before_keeps_its_own_recipe(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    parse(["sources", "--recipe", "tiny", "--run", run, "--pretrain.steps=11"])
    _, resolved, _ = parse(["pretrain", f"--run={run}"])
    assert resolved.pretrain.steps == 11
    assert resolved.pretrain.model.preset == "tiny"


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_shipped_recipe_is_read_without_an_unknown_key(name: str, tmp_path: Path) -> None:
    _, resolved, _ = parse(["all", "--recipe", name, "--run", str(tmp_path)])
    assert resolved.sources.sources


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pretrain: {stepz: 3}\n", "known keys of pretrain: model, steps"),
        ("pretrian: {steps: 3}\n", "known keys of a recipe: sources, filters"),
        ("pretrain: {steps: many}\n", "Expected a <class 'int'>"),
        ("pretrain: {steps: 0}\n", "pretrain.steps: expected more than 0, found 0"),
        ("dedup: {jaccard: 3}\n", "dedup.jaccard: expected 0..1, found 3"),
        ("pretrain: [1, 2\n", "mine.yaml"),
    ],
)
def test_a_bad_recipe_is_one_line_that_says_what_to_do(
    text: str, expected: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(text)
    with pytest.raises(RecipeError) as caught:
        parse(["all", "--recipe", str(recipe), "--run", str(tmp_path / "run")])
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="no recipe 'nope': expected .*tiny"):
        find_recipe("nope")
