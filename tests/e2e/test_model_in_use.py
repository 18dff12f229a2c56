"""A running server follows what the user chooses with `lory model use`, and nobody else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lsp_server.contract.bundles.kept import choose
from tests.hostile_bundles import copy_of_shipped

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, StartEditor

TEXT = "import argparse\n\nparser = argparse.Argu"


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Keeps models of the shipped one's weights by their names."""
    monkeypatch.setenv("LORY_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("LORY_CACHE", str(tmp_path / "cache"))

    def make(name: str) -> Path:
        made = copy_of_shipped(tmp_path / "made" / name)
        (tmp_path / "models" / name).mkdir(parents=True)
        return Path(shutil.move(made, tmp_path / "models" / name / "bundle"))

    return make


def ask(editor: "Editor") -> list[str]:
    """What is offered at the end of `TEXT`."""
    return editor.ask(2, 22, asked=True)


def test_the_next_request_is_answered_by_the_model_that_was_chosen(
    start_editor: "StartEditor", keep: Callable[[str], Path]
) -> None:
    keep("one")
    keep("two")
    editor = start_editor()
    editor.initialize()
    editor.open(TEXT)
    assert "lory-6m" in editor.wait_status("ready")
    (first, *_) = ask(editor)
    for name in ("one", "two"):
        choose(name)
        assert ask(editor)[0] == first  # the same weights
        assert editor.wait_status("ready").startswith(f"{name} ")
    choose("shipped")
    assert ask(editor)[0] == first
    assert "lory-6m" in editor.wait_status("ready")
    loads = editor.states.count("ready")
    ask(editor)
    assert editor.states.count("ready") == loads


def test_a_choice_that_is_wrong_is_said_and_healed_by_another(
    start_editor: "StartEditor", keep: Callable[[str], Path], tmp_path: Path
) -> None:
    keep("one")
    choose("one")
    editor = start_editor()
    editor.initialize()
    editor.open(TEXT)
    assert editor.wait_status("ready").startswith("one ")
    (tmp_path / "models" / "in-use.json").write_text(json.dumps({"name": "../one"}))
    assert ask(editor) == []
    assert "lory model use" in editor.wait_status("error")
    choose("one")
    assert ask(editor) != []
    assert editor.wait_status("ready").startswith("one ")


def test_a_setting_and_a_workspace_without_trust_have_their_own_model(
    start_editor: "StartEditor", keep: Callable[[str], Path]
) -> None:
    keep("one")
    keep("two")
    choose("one")
    for options, name in (({"bundle": "two"}, "two "), ({"trusted": False}, "lory-6m ")):
        editor = start_editor()
        editor.initialize(options)
        editor.open(TEXT)
        assert editor.wait_status("ready").startswith(name)
        choose("two" if name == "lory-6m " else "one")
        assert ask(editor) != []
        assert editor.states.count("ready") == 1
