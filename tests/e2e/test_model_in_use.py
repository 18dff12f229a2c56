"""A running server follows what the user chooses with `lory model use`, and nobody else."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lsp_server.contract.bundles.kept import choose
from lsp_server.contract.bundles.manifest import read_manifest, write_manifest
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


SCRIPT = "export function total(prices: number[]): number {\n  return prices.reduce("


def know(bundle: Path, *languages: str) -> None:
    """Have a kept bundle's manifest name other languages."""
    write_manifest(bundle, replace(read_manifest(bundle), languages=languages))


def test_a_language_that_the_model_in_use_does_not_know_is_completed_by_a_kept_one_that_does(
    start_editor: "StartEditor", keep: Callable[[str], Path]
) -> None:
    know(keep("scripts"), "typescript", "python")
    know(keep("zebra"), "typescript")
    editor = start_editor()
    (editor.root / "other.ts").write_text("const remembered = prices.filter(cheaperThan);\n" * 3)
    editor.initialize()
    editor.open(SCRIPT, "a.ts", "typescript")
    assert editor.client.wait_notification(
        "lory/status", 30.0, lambda told: "scripts 0.2.0, engine onnx on" in told["message"]
    )
    (told, *_) = [
        note for note in editor.client.notifications[::-1] if note.method == "lory/status"
    ]
    assert told.params["message"].startswith("lory-6m 0.2.0, once a file of it is opened: python; ")
    assert ": typescript; engine project: other languages" in told.params["message"]
    assert "zebra" not in told.params["message"]
    assert editor.ask(1, 24, "a.ts", asked=True)
    editor.open(TEXT)
    assert editor.client.wait_notification(
        "lory/status", 30.0, lambda told: "lory-6m 0.2.0, engine onnx on" in told["message"]
    )
    assert ask(editor)


def test_a_kept_model_that_cannot_be_started_leaves_its_language_to_the_project(
    start_editor: "StartEditor", keep: Callable[[str], Path]
) -> None:
    bundle = keep("scripts")
    know(bundle, "typescript")
    (bundle / "tokenizer.json").write_text("{}")
    editor = start_editor()
    editor.initialize()
    editor.open(TEXT)
    assert ask(editor)
    editor.open("const price = 1;\n" * 4 + "const pri", "a.ts", "typescript")
    assert editor.client.wait_notification(
        "lory/status",
        30.0,
        lambda told: (
            "python; engine project" in told["message"] and "scripts" not in told["message"]
        ),
    )
    assert editor.ask(4, 9, "a.ts", asked=True) == ["ce = 1;"]
    assert ask(editor)


def test_a_model_that_a_setting_names_has_no_other_beside_it(
    start_editor: "StartEditor", keep: Callable[[str], Path]
) -> None:
    know(keep("scripts"), "typescript")
    editor = start_editor()
    editor.initialize({"bundle": "shipped"})
    editor.open(SCRIPT, "a.ts", "typescript")
    assert "scripts" not in editor.wait_status("ready")
