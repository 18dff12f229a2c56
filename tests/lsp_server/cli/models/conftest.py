"""A folder of kept models for each test, and `lory model` run on it as its user would."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.kept_models import keep_model
from tests.lsp_server.cli.test_main import run
from tests.trainer.export.importing.conftest import foreign_tokenizer, write_checkpoint

__all__ = ["foreign_tokenizer", "write_checkpoint"]

WriteCheckpoint = Callable[..., Path]


@dataclass(frozen=True, slots=True)
class Models:
    """The folder, and commands on it."""

    folder: Path

    def run(self, *words: str | Path) -> str:
        """What a command says that goes well."""
        out, errors, code = run("model", *words)
        assert code == 0, errors
        return out or errors

    def refuse(self, *words: str | Path) -> str:
        """The one line of a command that is refused, and leaves everything as it was."""
        before = self.files
        out, errors, code = run("model", *words)
        assert (out, code) == ("", 2), errors
        assert self.files == before
        *told, last = errors.splitlines()
        assert all(line.startswith("lory: ") for line in (*told, last)), errors
        return last

    @property
    def files(self) -> set[str]:
        """All that is in the folder."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}

    @property
    def listed(self) -> dict[str, dict[str, Any]]:
        """What the list says, by name."""
        return {each["name"]: each for each in json.loads(self.run("list", "--json"))["models"]}

    @property
    def in_use(self) -> list[str]:
        """Names of the models in use."""
        return [name for name, each in self.listed.items() if each["in_use"]]

    def start(self, *words: str | Path) -> "subprocess.Popen[str]":
        """A command that goes on beside the test."""
        command = [sys.executable, "-m", "lsp_server", "model", *map(str, words)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="session")
def one_kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of kept models with `mine` in it, a bundle of the shipped one's weights."""
    place = tmp_path_factory.mktemp("kept")
    keep_model(place / "models", place / "source" / "mine")
    return place / "models"


@pytest.fixture
def kept(models: "Models", one_kept: Path) -> "Models":
    """A user who keeps `mine`."""
    shutil.copytree(one_kept, models.folder)
    return models


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    """A user who keeps no models yet."""
    folder = tmp_path / "user data" / "models"
    monkeypatch.setenv("LORY_MODELS", str(folder))
    monkeypatch.setenv("LORY_CACHE", str(tmp_path / "cache"))
    return Models(folder)
