"""A folder of repositories in any language becomes a bundle that completes that language alone."""

import json
import random
from pathlib import Path

import pytest

from lsp_server.cli.complete import complete_at, parse_place
from lsp_server.contract.bundles.bundle import load
from tests.trainer.code_in import file_in, write_repositories
from trainer.cli.main import Command, parse, run_stages
from trainer.corpus.document import read_canonical
from trainer.errors import RecipeError
from trainer.pipeline import STAGES, Recipe, run_stage
from trainer.runtime.processes import ALONE
from trainer.tasks.cursors import sample_cursors

SMALL = (
    *("--filters.workers", "1", "--tokenizer.vocabulary", "640"),
    *("--tokenizer.compare_gpt2", "false", "--packing.block_tokens", "128"),
    *("--packing.max_train_tokens", "20000", "--packing.heldout_tokens", "4000"),
    *("--pretrain.model", '{"preset": "tiny", "context": 128}', "--pretrain.steps", "4"),
    *("--pretrain.budget", "", "--pretrain.batch_tokens", "512", "--pretrain.micro_batch", "2"),
    *("--pretrain.eval_blocks", "4", "--pretrain.precision", "fp32"),
    *("--export.parity_prompts", "4", "--export.parity_steps", "8"),
    *("--export.exact_match_cursors", "4", "--export.exact_match_tolerance", "100"),
    *("--evaluate.cursors", "4"),
)


def order(folder: Path, language: str) -> Command:
    """What trains recipe `tiny` in a language on the repositories of a folder, in seconds."""
    source = {"plugin": "repositories", "options": {"path": str(folder / "code")}}
    words = ["all", "--recipe", "tiny", "--language", language, "--run", str(folder / "run")]
    return parse([*words, "--sources.sources", json.dumps([source]), *SMALL])


@pytest.mark.parametrize(("language", "suffix"), [("typescript", "ts"), ("go", "go")])
def test_a_folder_of_repositories_becomes_a_bundle_of_its_language(
    language: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_repositories(tmp_path / "code", language)
    (tmp_path / "code" / "r0" / "left.py").write_text("out = 1\n" * 20)
    (tmp_path / "code" / "r0" / "node_modules").mkdir()
    (tmp_path / "code" / "r0" / "node_modules" / f"x.{suffix}").write_text("let foreign = 1;\n")
    run_stages(order(tmp_path, language), ALONE)
    run = tmp_path / "run"
    read = list(read_canonical(run / "sources" / "documents"))
    assert {document.path.rpartition(".")[2] for document in read} == {suffix}
    assert {document.licence for document in read} == {"mit"}
    report = json.loads((run / "dedup" / "report.json").read_text())
    assert len(report["heldout_repositories"]) == 1, "one of six, whatever the share"
    bundle = load(run / "bundle" / "bundle")
    known = ("go",) if language == "go" else ("typescript", "typescriptreact")
    assert bundle.manifest.languages[: len(known)] == known
    assert bundle.manifest.name == f"lory-{language}"
    _, text = file_in(language, random.Random("unseen"))
    monkeypatch.chdir(tmp_path)
    for name in (f"a.{suffix}", "a.py"):
        (tmp_path / name).write_text(text)
        settings = {"bundle": str(bundle.folder), "min_probability": 0.0}
        trial = complete_at(parse_place(f"{name}:9:12"), settings)
        answers = f"lory-{language} 0.1.0, engine onnx" if name != "a.py" else "engine project"
        assert answers in trial.model


def test_cursors_of_other_languages_stand_in_code(tmp_path: Path) -> None:
    write_repositories(tmp_path / "code", "typescript")
    command = order(tmp_path, "typescript")
    run_stage(STAGES[0], command.recipe, command.run)
    documents = list(read_canonical(command.run / "sources" / "documents"))
    cursors = sample_cursors(documents, 60, 0)
    assert len(cursors) == 60
    for cursor in cursors:
        line = (cursor.prefix.rpartition("\n")[2] + cursor.truth).strip()
        assert not line.startswith(("/*", "*", "//")), line
    assert any("\n    const " in document.text for document in documents), "four spaces a level"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tune", '["sft"]'], "language go: expected no settings that are Python's .* tune;"),
        (["--evaluate.humaneval", "x.jsonl"], "found evaluate.humaneval; leave them out"),
        (["--filters.must_parse", "true"], "found filters.must_parse"),
        (["--sources.sources", '[{"plugin": "distributions"}]'], "found source distributions;"),
    ],
)
def test_what_is_pythons_alone_is_refused_in_one_line(
    words: list[str], told: str, tmp_path: Path
) -> None:
    run = ["--run", str(tmp_path)]
    with pytest.raises(RecipeError, match=told):
        parse(["all", "--recipe", "tiny", "--language=go", *run, *words])


def test_a_language_that_the_table_lacks_names_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="expected one of python, go, .* found 'golang'"):
        parse(["all", "--recipe", "small", "--language", "golang", "--run", str(tmp_path)])


def test_a_part_of_a_recipe_may_be_empty_and_is_settings_or_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    words = ["all", "--recipe", str(recipe), "--run", str(tmp_path / "run"), "--language", "go"]
    recipe.write_text("pretrain: {steps: 7}\nlanguages: {go: , rust: {pretrain: {steps: 9}}}\n")
    assert parse(words).recipe.pretrain.steps == 7
    assert parse([*words[:-1], "rust"]).recipe.pretrain.steps == 9
    recipe.write_text("languages: {go: 3}\n")
    with pytest.raises(RecipeError, match="expected settings for each language, found 3"):
        parse(words)


def test_a_recipe_keeps_what_each_language_has_for_itself(tmp_path: Path) -> None:
    words = ["all", "--recipe", "small", "--run", str(tmp_path)]
    python, go = parse(words).recipe, parse([*words, "--language", "go"]).recipe
    assert python.dedup.decontamination == ["corpora/decontamination.bin"]
    assert (python.bundle.name, go.bundle.name) == ("lory-6m", "lory-go")
    assert not go.dedup.decontamination
    assert go.evaluate.humaneval == ""
    assert [source.plugin for source in go.sources.sources] == ["repositories"]
    assert (python.sources.suffixes, go.sources.suffixes) == ([".py"], [".go"])
    assert go.pretrain == python.pretrain


def test_what_a_recipe_names_itself_is_not_the_tables(tmp_path: Path) -> None:
    assert Recipe(language="typescript").sources.suffixes[:2] == [".ts", ".mts"]
    assert ".d.ts" not in Recipe(language="typescript").sources.suffixes
    words = ["all", "--language", "rust", "--run", str(tmp_path), "--bundle.languages", '["x"]']
    recipe = parse([*words, "--sources.suffixes", '[".rsx"]']).recipe
    assert (recipe.sources.suffixes, recipe.bundle.languages) == ([".rsx"], ["x"])


def test_aliases_of_a_language_are_completed_by_its_bundle() -> None:
    assert Recipe(language="shellscript").bundle.languages == ["shellscript", "sh", "bash", "zsh"]
    assert Recipe(language="bash").sources.suffixes == Recipe(language="sh").sources.suffixes
