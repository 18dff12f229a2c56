"""Models in real VS Code: listed, used, added after their licence was accepted, and removed."""

import json
from pathlib import Path

import pytest

from lsp_server.contract.bundles.manifest import MANIFEST
from tests.editors.vscode.conftest import OpenWindow, Window
from tests.kept_models import keep_model

TITLE = "Lory: Models…"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folder of a user who keeps the model `mine`."""
    keep_model(tmp_path / "models", tmp_path / "mine")
    return tmp_path / "models"


@pytest.fixture
def window(open_window: OpenWindow, models: Path) -> Window:
    """A window that completes by the model in use."""
    window = open_window("import os\n", environment={"LORY_MODELS": str(models)})
    window.ready()
    return window


def show(window: Window, entry: str) -> None:
    """Open the list, and wait for an entry in it."""
    window.command(TITLE)
    names = window.page.locator(".quick-input-list .label-name")
    window.until(entry, lambda: any(entry in name for name in names.all_text_contents()))


def take(window: Window, entry: str) -> None:
    """Choose an entry of the list."""
    name = window.page.locator(".quick-input-list .label-name", has_text=entry)
    name.first.click()


def said(window: Window, text: str) -> None:
    """Wait for a notification."""
    window.until(text, lambda: any(text in note for note in window.notes()))


def answer(window: Window, button: str) -> None:
    """Press a button of the dialogue."""
    box = window.page.locator(".monaco-dialog-box")
    window.until("the question", box.count)
    box.locator(".monaco-button", has_text=button).first.click()


def tooltip(window: Window) -> str:
    """What the status item says of itself, wherever it has moved to."""
    window.page.locator(".statusbar-item[id^='lory']").hover()
    return " ".join(window.page.locator(".monaco-hover").all_text_contents()).replace("\xa0", " ")


def test_a_model_is_used_from_the_list_and_completes(window: Window, models: Path) -> None:
    show(window, "mine")
    take(window, "mine")
    said(window, "mine is used from the next request on")
    assert json.loads((models / "in-use.json").read_text()) == {"name": "mine"}
    window.go(2)
    window.type("import sy")
    window.until("completed by mine", lambda: "Ready: mine 0" in tooltip(window))


def test_a_model_of_others_is_added_once_its_licence_is_accepted_and_removed_again(
    window: Window, models: Path, tmp_path: Path
) -> None:
    manifest = json.loads((tmp_path / "mine" / MANIFEST).read_text())
    manifest["name"] = "theirs"
    manifest["provenance"] |= {"recipe": "import", "licences": {"cc-by-nc-4.0": 1}}
    (tmp_path / "mine" / MANIFEST).write_text(json.dumps(manifest))
    show(window, "Add another")
    take(window, "Add another")
    window.page.locator(".quick-input-widget:visible input:focus").fill(str(tmp_path / "mine"))
    window.press("Enter")
    box = window.page.locator(".monaco-dialog-box")
    window.until("the question", box.count)
    assert "cc-by-nc-4.0, which forbids some uses" in str(box.text_content())
    assert not (models / "theirs").exists()
    answer(window, "Accept")
    said(window, "theirs is kept")
    show(window, "theirs")
    row = window.page.locator(".quick-input-list .monaco-list-row", has_text="theirs")
    row.first.hover()
    row.first.locator(".codicon-trash").click()
    answer(window, "Remove")
    said(window, "theirs was removed")
    assert not (models / "theirs").exists()
