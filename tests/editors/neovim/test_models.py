"""`:Lory model` in real Neovims: models are listed, shown, used, added and removed."""

from pathlib import Path
from typing import TYPE_CHECKING

import pynvim
import pytest

from tests.editors.neovim.test_command import complete
from tests.kept_models import keep_model

if TYPE_CHECKING:
    from tests.editors.neovim.conftest import Neovim, StartNeovim

MESSAGE = "return require('lory.status').state(vim.api.nvim_get_current_buf()).message"


@pytest.fixture
def chooser(start_neovim: "StartNeovim", tmp_path: Path) -> "Neovim":
    """An editor whose user keeps the model `mine` and completes by the shipped one."""
    keep_model(tmp_path / "data" / "lory" / "models", tmp_path / "mine")
    editor = start_neovim("import os\n")
    editor.wait_status("ready")
    return editor


def test_a_model_that_is_used_completes_from_the_next_key_on(chooser: "Neovim") -> None:
    assert complete(chooser, "Lory model ") == ["add", "list", "remove", "show", "use"]
    assert complete(chooser, "Lory model use ") == ["shipped", "mine"]
    assert complete(chooser, "Lory model add ") == ["smollm2"]
    assert complete(chooser, "Lory model use mine ") == []
    assert "lory-6m" in chooser.lua(MESSAGE)
    chooser.command("Lory model use mine")
    chooser.until(lambda: "mine is used from the next request on" in chooser.messages, "used")
    chooser.type("oimport sy")
    chooser.until(lambda: "mine " in chooser.lua(MESSAGE), "completed by mine")
    chooser.type("<Esc>")
    chooser.command("Lory model")
    chooser.until(lambda: any("mine" in line for line in chooser.lines), "listed")
    assert [line for line in chooser.lines if "mine" in line and "*" in line]
    chooser.command("close")
    chooser.command("Lory model show mine")
    chooser.until(lambda: any("all as recorded" in line for line in chooser.lines), "shown")


def test_a_model_is_removed_once_that_is_confirmed_and_not_while_it_is_in_use(
    chooser: "Neovim", tmp_path: Path
) -> None:
    kept = tmp_path / "data" / "lory" / "models" / "mine"
    chooser.lua("vim.fn.confirm = function() return 2 end")
    chooser.command("Lory model remove mine")
    assert kept.exists()
    chooser.lua("vim.fn.confirm = function() return 1 end")
    chooser.command("Lory model use mine")
    chooser.until(lambda: "mine is used" in chooser.messages, "used")
    chooser.command("Lory model remove mine")
    chooser.until(lambda: "found that it is" in chooser.messages, "refused")
    assert kept.exists()
    chooser.command("Lory model use shipped")
    chooser.until(lambda: "shipped is used" in chooser.messages, "used")
    chooser.command("Lory model remove mine")
    chooser.until(lambda: not kept.exists(), "removed")


def test_a_bundle_is_added_and_what_is_none_is_said(chooser: "Neovim", tmp_path: Path) -> None:
    (tmp_path / "mine" / "bundle.json").rename(tmp_path / "mine" / "bundle.txt")
    chooser.command(f"Lory model add {tmp_path / 'mine'}")
    chooser.until(lambda: "config.json" in chooser.messages, "refused")
    with pytest.raises(pynvim.NvimError, match="known are: add, list, remove, show, use"):
        chooser.command("Lory model frobnicate")
    (tmp_path / "mine" / "bundle.txt").rename(tmp_path / "mine" / "bundle.json")
    (tmp_path / "mine").rename(tmp_path / "other")
    manifest = tmp_path / "other" / "bundle.json"
    manifest.write_text(manifest.read_text().replace('"mine"', '"other"'))
    chooser.command(f"Lory model add {tmp_path / 'other'}")
    chooser.until(lambda: "other is kept" in chooser.messages, "added")
