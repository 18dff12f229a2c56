"""The engine that has no model: it writes what followed the like in the file and the project."""

import subprocess
import sys
from threading import Event

import pytest

from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import Parts, assemble, budget_for, encode, load_tokenizer
from lsp_server.contract.stopping import end_of_line
from lsp_server.engines import Candidate, Limits
from lsp_server.engines.mixture import read_weights
from lsp_server.engines.project import MIXTURE, ProjectEngine, open_project_engine
from lsp_server.project.recall import ProjectRecall
from lsp_server.settings import Settings

TOKENIZER = load_tokenizer(Settings().bundle_folder / "tokenizer.json")
LINES = LineTokenizer(TOKENIZER)


@pytest.fixture(scope="module")
def engine() -> ProjectEngine:
    return open_project_engine(TOKENIZER)


def complete(engine: ProjectEngine, prefix: str, **limits: object) -> Candidate:
    """The first candidate after a text that is all of its file."""
    prompt = assemble(LINES, Parts(prefix=prefix), budget_for(256))
    before = encode(LINES, prefix.removesuffix(prompt.heal))
    recall = ProjectRecall(before, [], None)
    object.__setattr__(prompt, "recall", recall)
    given = {"stop": end_of_line, "mixture": read_weights(MIXTURE), "drafted": 0, **limits}
    return engine.complete(prompt, Limits(**given), Event())[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "begun", "rest"),
    [
        (
            "\tctx, cancel := context.WithTimeout(ctx, d)\n",
            "\tctx, cancel :",
            "= context.WithTimeout(ctx, d)",
        ),
        ("SELECT größe FROM straße;\n", "SELECT grö", "ße FROM straße;"),
        ("  - name: 日本語 😀\n", "  - name: 日", "本語 😀"),
    ],
)
def test_it_writes_what_stood_there_before_in_any_language(
    engine: ProjectEngine, text: str, begun: str, rest: str
) -> None:
    assert complete(engine, text * 4 + begun).text == rest


def test_it_is_sure_of_nothing_that_it_has_not_seen(engine: ProjectEngine) -> None:
    assert complete(engine, "fn main() {", min_probability=0.05).text == ""


def test_no_runtime_of_models_is_imported_for_it() -> None:
    script = "import sys, lsp_server.completion.model.models; print('onnxruntime' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"
