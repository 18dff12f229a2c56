"""`lory bench passages` and `lory bench mixed`: what a model gives, and what the project adds."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lsp_server.bench.mixture.passages import read_passages, with_model
from lsp_server.bench.mixture.samples import Sampler, Samples, collect
from lsp_server.bench.texts.files import read_sources
from lsp_server.cli.bench.main import app
from lsp_server.completion.model.loading import load_model
from lsp_server.errors import BenchError
from lsp_server.plugins import PluginGuard
from lsp_server.settings import Settings

SOURCE = """import os


def {name}(folder):
    found = []
    for entry in os.scandir(folder):
        if entry.is_file():
            found.append(entry.{name}_path)
        else:
            found.extend({name}(entry.path))
    total = len(found)
    return found, total
"""


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    roots = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    for root in roots:
        for name in ("walk", "list_all", "gather"):
            (root / f"{name}.py").write_text(SOURCE.format(name=name))
    return roots


@pytest.fixture(scope="module")
def passages(projects: list[Path]) -> Path:
    out = projects[0] / "passages.npz"
    files = [word for root in projects for word in ("--files", str(root))]
    result = CliRunner().invoke(app, ["passages", *files, "--out", str(out), "--blocks", "1"])
    assert result.exit_code == 0, result.output
    assert "12 passages" in result.output  # of each file a block, and a piece of a line
    return out


def write_model(folder: Path, name: str, probability: float, tokens: int) -> Path:
    path = folder / f"{name}.npz"
    model_N = np.full(tokens, probability, np.float32)
    np.savez(path, model_N=model_N, highest_N=model_N)
    return path


def test_the_shipped_models_word_beside_the_passages_makes_the_samples_that_are_fitted_on(
    projects: list[Path], passages: Path, tmp_path: Path
) -> None:
    model = load_model(Settings(), PluginGuard(print))
    fitted_on = collect(model, read_sources(projects, None, None), 1, 0, print)
    sampler, said = Sampler(model, threads=1), []
    with np.load(passages) as stored:
        cuts = [np.cumsum(stored[f"{name}_lengths"])[:-1] for name in ("prompt", "block")]
        prompts = np.split(stored["prompt_ids"], cuts[0])
        blocks = np.split(stored["block_ids"], cuts[1])
    for prompt, block in zip(prompts, blocks, strict=True):
        said += list(sampler.read(prompt.tolist(), block.tolist()))
    own, highest = np.array(said).T
    np.savez(tmp_path / "said.npz", model_N=own, highest_N=highest)
    read_back = with_model(read_passages(passages), tmp_path / "said.npz")
    for field in fields(Samples):
        left, right = getattr(fitted_on, field.name), getattr(read_back, field.name)
        np.testing.assert_allclose(left, right, rtol=1e-5)


def test_a_model_that_knows_more_costs_less_alone_and_less_of_it_is_left_beside_the_project(
    passages: Path, tmp_path: Path
) -> None:
    tokens = len(read_passages(passages).file_N)
    models = [write_model(tmp_path, name, p, tokens) for name, p in (("a", 0.01), ("b", 0.1))]
    result = CliRunner().invoke(app, ["mixed", str(passages), *map(str, models)])
    assert result.exit_code == 0, result.output
    rows = [line.split("│") for line in result.output.splitlines() if "│" in line]
    told = {row[1].strip(): [cell.split() for cell in row[2:6]] for row in rows}
    assert float(told["a"][0][0]) == pytest.approx(-np.log(0.01), abs=1e-3)
    assert told["a"][2] == []
    assert float(told["b"][2][0]) == pytest.approx(-np.log(10), abs=1e-3)
    assert float(told["b"][2][0]) < float(told["b"][3][0]) < 0
    assert float(told["a"][1][0]) < float(told["a"][0][0]) / 2


def test_probabilities_of_other_passages_are_refused(passages: Path, tmp_path: Path) -> None:
    short = write_model(tmp_path, "short", 0.5, 3)
    with pytest.raises(BenchError, match="of the same passages"):
        with_model(read_passages(passages), short)
    with pytest.raises(BenchError, match="lory bench passages"):
        read_passages(short)
