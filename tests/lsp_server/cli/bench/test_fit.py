"""`lory bench fit` on a small project, with the shipped model."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lsp_server.bench.mixture.samples import OtherFiles
from lsp_server.bench.texts.files import SourceFile
from lsp_server.cli.bench.main import app
from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import encode, load_tokenizer
from lsp_server.documents.exclusions import Exclusions
from lsp_server.engines.mixture import read_weights
from lsp_server.project.walk import Rules
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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("walk", "list_all", "gather", "collect"):
        (tmp_path / f"{name}.py").write_text(SOURCE.format(name=name))
    return tmp_path


def test_weights_are_written_and_the_report_says_what_they_are_worth(
    project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "weights.json"
    command = ["fit", "--files", str(project), "--out", str(out), "--blocks", "1"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "nats per token" in result.output
    assert "expected calibration error" in " ".join(result.output.split())
    assert read_weights(out).calibration.slope > 0


def test_the_file_that_is_written_does_not_answer(project: Path) -> None:
    tokenizer = LineTokenizer(load_tokenizer(Settings().bundle_folder / "tokenizer.json"))
    others = OtherFiles(project, tokenizer, Rules(("python",), Exclusions(())))
    text = (project / "walk.py").read_text()
    context = encode(tokenizer, text[: text.index("_path)")])
    own, other = (
        others.view(SourceFile(root=project, path=path, text=text))
        for path in ("walk.py", "gather.py")
    )
    assert own.rungs(context) == ()
    assert other.rungs(context)[-1].length == 32
