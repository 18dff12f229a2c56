"""A model that is added with an adapter, from learning it to completing, and one that fits none."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from lsp_server.contract.bundles.bundle import MIXTURE, load, record_file
from lsp_server.contract.bundles.kept import SHIPPED_FOLDER
from tests.lsp_server.cli.models.conftest import Models, WriteCheckpoint
from tests.lsp_server.cli.test_main import run

STEPS = "8"


def train(*words: str | Path) -> str:
    """What a command of the trainer says that goes well."""
    command = [sys.executable, "-m", "trainer", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def learn(folder: Path, source: Path, corpus: list[str]) -> Path:
    """An adapter for a checkpoint, learned as the documentation says."""
    train("import", source, "--out", folder / "bundle")
    (folder / "files").mkdir()
    for at, text in enumerate(corpus):
        (folder / "files" / f"m{at}.py").write_text(text[:20_000])
    words = ("--bundle", folder / "bundle", "--files", folder / "files", "--run", folder / "run")
    train("adapt", source, *words, "--steps", STEPS, "--rank", "4")
    return folder / "run" / "adapter.safetensors"


@pytest.fixture(scope="module")
def learned(
    tmp_path_factory: pytest.TempPathFactory,
    write_checkpoint: WriteCheckpoint,
    small_corpus: list[str],
) -> tuple[Path, Path]:
    """A checkpoint and its adapter."""
    folder = tmp_path_factory.mktemp("adapter")
    source = write_checkpoint(folder / "Tiny Llama")
    return source, learn(folder, source, small_corpus)


@pytest.mark.slow
def test_a_model_is_added_with_what_was_learned_for_it_and_completes(
    models: Models, learned: tuple[Path, Path], tmp_path: Path
) -> None:
    source, adapter = learned
    models.run("add", source, "--as", "plain", "--accept-licence")
    fitted = adapter.with_name(MIXTURE)
    shutil.copyfile(load(SHIPPED_FOLDER).mixture_path, fitted)
    told = models.run(
        "add", source, "--as", "tuned", "--adapter", adapter, "--accept-licence", "--use"
    )
    digest = record_file(adapter).sha256
    assert f"adapter: sha256 {digest}" in told
    found = json.loads(models.run("show", "tuned", "--json"))
    assert found["record"]["adapter"] == digest
    assert digest in found["card"]
    own = load(models.folder / "tuned" / "bundle").mixture_path
    assert (own.name, own.read_bytes()) == (MIXTURE, fitted.read_bytes())
    assert load(models.folder / "plain" / "bundle").mixture_path != own.parent / MIXTURE
    graphs = [models.folder / name / "bundle" / "model.onnx" for name in ("plain", "tuned")]
    assert graphs[0].read_bytes() != graphs[1].read_bytes()
    (tmp_path / "a.py").write_text("import a\n")
    out, errors, code = run("complete", f"{tmp_path / 'a.py'}:2:1", "--why")
    assert (errors, code) == ("", 0)
    assert "tuned" in out


def rewritten(adapter: Path, out: Path, changes: Mapping[str, NDArray[np.float16] | None]) -> Path:
    """The adapter with other matrices; None takes one out."""
    with safe_open(adapter, "np") as file:
        facts = file.metadata()
    kept = {
        name: array for name, array in (load_file(adapter) | changes).items() if array is not None
    }
    save_file(kept, out, metadata=facts)
    return out


@pytest.mark.slow
def test_an_adapter_that_does_not_fit_is_told_in_one_line_and_nothing_is_kept(
    models: Models, learned: tuple[Path, Path], write_checkpoint: WriteCheckpoint, tmp_path: Path
) -> None:
    source, adapter = learned
    other = write_checkpoint(tmp_path / "other", "qwen2")
    name = "model.layers.1.mlp.up_proj"
    narrow, odd = np.zeros((4, 40), np.float16), tmp_path / "odd.safetensors"
    cases: list[tuple[Path, Path, str]] = [
        (other, adapter, f"those of {other}; import that model"),
        (source, source / "config.json", "expected an adapter that lory-train adapt wrote"),
        (source, source / "model.safetensors", "of the model that the adapter was learned for"),
        (source, rewritten(adapter, odd, {f"{name}.a": None}), f"see {name}.a"),
        (
            source,
            rewritten(adapter, tmp_path / "narrow.safetensors", {f"{name}.a": narrow}),
            f"{name}.weight: expected matrices that make [96, 64], found [96, 4] and [4, 40]",
        ),
        (
            source,
            rewritten(adapter, tmp_path / "more.safetensors", {"model.layers.9.x.a": narrow}),
            "expected matrices of the model, found model.layers.9.x",
        ),
    ]
    for model, file, said in cases:
        assert said in models.refuse("add", model, "--adapter", file, "--accept-licence")
    assert models.files == set()
