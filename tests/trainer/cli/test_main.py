"""The trainer's command line: recipes, overrides, and one clear line for bad input."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from trainer.cli.main import is_full_disk, main, parse
from trainer.cli.recipes import RECIPES, find_recipe
from trainer.errors import RecipeError


def test_an_override_wins_over_the_recipe_and_the_recipe_over_the_default(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("pretrain: {steps: 7, micro_batch: 3}\n")
    arguments = ["all", "--recipe", str(recipe), "--run", str(tmp_path / "run")]
    order = parse([*arguments, "--pretrain.steps", "9"])
    assert order.command == "all"
    assert (order.recipe.pretrain.steps, order.recipe.pretrain.micro_batch) == (9, 3)
    assert order.recipe.packing.block_tokens == 1024


def lory_train(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Arguments of stage sources over a folder with one file."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "one.py").write_text("def one() -> int:\n    return 1\n" * 20)
    recipe = tmp_path / "mine.yaml"
    options = f"{{path: {tmp_path / 'code'}}}"
    recipe.write_text(f"sources: {{sources: [{{plugin: folder, options: {options}}}]}}\n")
    return ["sources", "--recipe", str(recipe), "--pretrain.steps=11"]


def test_a_run_begun_before_keeps_its_own_recipe(sources: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert lory_train(*sources, "--run", str(run)) == 0
    assert parse(["pretrain", f"--run={run}"]).recipe.pretrain.steps == 11


def test_the_default_run_keeps_its_recipe_too(
    sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lory_train(*sources) == 0
    assert parse(["pretrain"]).recipe.pretrain.steps == 11


@pytest.mark.parametrize(
    "refused",
    [
        ["sources", "--sources.max_file_bytes=5"],
        ["filters", "--sources.max_file_bytes=5"],
        ["all", "--sources.max_file_bytes=5"],
        ["pretrain", "--pretrain.steps=12"],
        ["filters", "--pretrain.steps=0"],
    ],
)
def test_a_refused_command_leaves_the_kept_recipe_as_it_was(
    sources: list[str], refused: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    lory_train(*sources, "--run", str(run))
    kept = (run / "recipe.yaml").read_text()
    assert lory_train(*refused, "--run", str(run)) == 2
    assert (run / "recipe.yaml").read_text() == kept


def test_a_command_refused_at_once_leaves_no_run(tmp_path: Path) -> None:
    assert lory_train("filters", "--run", str(tmp_path / "run")) == 2
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_one_line_that_says_what_to_do(
    sources: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml.partial").symlink_to("/dev/full")
    assert lory_train(*sources, "--run", str(run)) == 2
    line = capsys.readouterr().err
    assert line.startswith("lory-train: disk full while writing ")
    assert line.endswith("; free space and give the same command again\n")
    assert line.count("\n") == 1


def test_a_full_disk_is_known_from_the_tokenizers_error_too(small_tokenizer: Tokenizer) -> None:
    with pytest.raises(Exception, match="No space left") as caught:
        small_tokenizer.save("/dev/full")
    assert not isinstance(caught.value, OSError)
    assert is_full_disk(caught.value)


def test_other_errors_of_the_system_are_not_called_a_full_disk(
    sources: list[str], tmp_path: Path
) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="exists|Not a directory"):
        main([*sources, "--run", str(tmp_path / "run")])


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_shipped_recipe_is_read_without_an_unknown_key(name: str, tmp_path: Path) -> None:
    assert parse(["all", "--recipe", name, "--run", str(tmp_path)]).recipe.sources.sources


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pretrain: {stepz: 3}\n", "known keys of pretrain: model, bundle, seen_tokens, steps"),
        ("pretrian: {steps: 3}\n", "known keys of a recipe: sources, filters"),
        ("pretrain: {steps: many}\n", "Expected a <class 'int'>"),
        ("pretrain: {steps: 0}\n", "pretrain.steps: expected 1 or more, found 0"),
        *(
            (f"pretrain: {{{name}: 0}}\n", f"pretrain.{name}: expected 1 or more, found 0")
            for name in ("micro_batch", "batch_tokens", "eval_every", "eval_blocks")
        ),
        *(
            (f"pretrain: {{{name}: 0}}\n", f"pretrain.{name}: expected 1 or more, found 0")
            for name in ("checkpoint_every", "keep_checkpoints")
        ),
        ("pretrain: {warmup_steps: -1}\n", "pretrain.warmup_steps: expected 0 or more, found -1"),
        ("packing: {epochs: 0}\n", "packing.epochs: expected 1 or more, found 0"),
        *(
            (f"export: {{{name}: 0}}\n", f"export.{name}: expected 1 or more, found 0")
            for name in ("parity_prompts", "parity_steps", "exact_match_cursors")
        ),
        ("export: {exact_match_tolerance: -0.5}\n", "expected 0 or more, found -0.5"),
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
