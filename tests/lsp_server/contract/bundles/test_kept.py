"""Where kept models lie: their names, and the choice that a running server looks at."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.contract.bundles.kept import (
    choice_for,
    choose,
    find_bundle,
    is_name,
    kept_folder,
    kept_names,
    others_by_language,
)
from lsp_server.contract.bundles.manifest import read_manifest, write_manifest
from lsp_server.errors import BundleError
from tests.hostile_bundles import copy_of_shipped


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the models `a` and `b`."""
    monkeypatch.setenv("LORY_MODELS", str(tmp_path))
    for name in ("a", "b", ".adding-1-x", "Strange"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_names_are_one_name_on_every_file_system() -> None:
    assert all(map(is_name, ("smollm2", "qwen2.5-coder_0.5b", "7b", "console")))
    strange = (
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "/etc",
        "A",
        "ä",
        "a.",
        "-a",
        ".a",
        "a b",
        "a\n",
    )
    reserved = ("shipped", "nul", "con.x", "in-use.json", "x" * 64)
    assert not any(map(is_name, (*strange, *reserved)))


def test_only_models_are_listed_and_found(folder: Path) -> None:
    (folder / "in-use.json").write_text("{}")
    assert kept_names() == ["a", "b"]
    assert find_bundle("a") == folder / "a" / "bundle"
    assert find_bundle("c") == Path("c")
    with pytest.raises(BundleError, match="lower-case"):
        kept_folder("../a")


def test_each_change_of_the_choice_is_another_value_and_a_named_bundle_has_none(
    folder: Path,
) -> None:
    seen = {choice_for("")}
    for name in ("a", "b", "a", "shipped", "a"):
        choose(name)
        seen.add(choice_for(""))
    assert len(seen) == 5  # none, and four files
    assert {choice_for("a"), choice_for("shipped"), choice_for("/somewhere")} == {None}


def test_the_choice_outlives_a_folder_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LORY_MODELS", str(tmp_path / "file" / "models"))
    assert (choice_for(""), kept_names()) == (None, [])
    assert find_bundle("shipped").is_dir()
    if os.name != "nt":
        with pytest.raises(BundleError, match="lory model use"):
            find_bundle("")


def test_other_models_complete_the_languages_that_none_before_them_knows(folder: Path) -> None:
    for name, languages in (("a", ("go", "python")), ("b", ("rust", "go"))):
        copy = copy_of_shipped(folder / name / "bundle")
        write_manifest(copy, replace(read_manifest(copy), languages=languages))
    assert others_by_language("") == {"a": ("go",), "b": ("rust",)}
    choose("b")
    assert others_by_language("") == {"shipped": ("python",)}
    (folder / "a" / "bundle" / "bundle.json").write_text("{}")
    choose("shipped")
    assert others_by_language("") == {"b": ("rust", "go")}
    assert others_by_language("b") == {}
