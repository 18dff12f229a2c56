"""A vocabulary beyond 16 bits: the project has its say all the same."""

import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from tokenizers import Tokenizer

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model.limits import Wishes
from lsp_server.completion.model.loading import Model
from lsp_server.completion.model.models import load_models
from lsp_server.completion.suggestion import generate, recall_at
from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.prompt import encode, load_tokenizer
from lsp_server.contract.recall import SEPARATOR
from lsp_server.documents.exclusions import NEVER_READ, Exclusions
from lsp_server.plugins import PluginGuard
from lsp_server.project.index.open_texts import OpenTexts
from lsp_server.project.index.view import Part, ProjectView
from lsp_server.project.reading.indexer import Job, read_batches
from lsp_server.project.walk import Rules, root_of
from lsp_server.settings import Settings
from tests.trainer.export.importing.large import STAND_IN, write_checkpoint
from trainer.export.importing.importer import Options, import_model
from trainer.export.importing.samples import counted_texts

LINE = "answer = compute_the_answer(first, second)\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """An import of a small model with many tokens."""
    folder = tmp_path_factory.mktemp("large")
    source = write_checkpoint(folder / "source", STAND_IN)
    return import_model(str(source), folder / "bundle", Options(), lambda line: None)


@pytest.fixture
def model(bundle: Bundle) -> Model:
    """The bundle as it is served."""
    models = load_models(
        Settings(bundle=str(bundle.folder)), PluginGuard(pytest.fail), lambda share, step: None
    )
    (started,) = models.started
    return started


def text_beyond(tokenizer: Tokenizer) -> str:
    """A text whose token 16 bits do not hold."""
    for token in range(SEPARATOR, tokenizer.get_vocab_size()):
        text: str = tokenizer.decode([token])
        if encode(tokenizer, text) == [token]:
            return text
    raise AssertionError("no token beyond 16 bits stands for a text of its own")


def project_of(bundle: Bundle, folder: Path, **texts: str) -> ProjectView:
    """Some files as the indexing process reads them."""
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    job = Job(
        roots=(root_of(str(folder)),),
        rules=Rules(("python",), Exclusions(NEVER_READ)),
        files=None,
        tokenizer=str(bundle.tokenizer_path),
        most_bytes=10**6,
    )
    return ProjectView([Part(batch.segment) for batch in read_batches(job)], OpenTexts(()))


def test_code_is_numbered_within_16_bits(bundle: Bundle) -> None:
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    assert tokenizer.get_vocab_size() > SEPARATOR
    assert all(max(encode(tokenizer, text)) < SEPARATOR for text in counted_texts(100) if text)


def test_the_project_foresees_what_follows_and_is_parted_by_what_it_does_not_hold(
    bundle: Bundle, model: Model, tmp_path: Path
) -> None:
    beyond = text_beyond(load_tokenizer(bundle.tokenizer_path))
    others = project_of(bundle, tmp_path, a=LINE, b=f"{beyond}{LINE}", c=f"x{beyond}y\n")
    begun = "answer = compute_the_answer(first"
    prefix = f"# {beyond}\n{LINE}{begun}"
    cursor = Cursor(uri="a", language="python", path="a.py", prefix=prefix, suffix=f"\n{beyond}")
    recall = recall_at(model, cursor, "", others)
    ids, rest = encode(model.tokenizer, begun), encode(model.tokenizer, LINE)
    assert ids == rest[: len(ids)]
    for levels in recall.levels(encode(model.tokenizer, prefix)[-len(ids) :]):
        longest = levels[-1]
        assert longest.length >= 4
        assert set(longest.counts) == {rest[len(ids)]}
    assert recall.levels(encode(model.tokenizer, f"x{beyond}")) == ((), ())
    found = generate(
        model, Settings(), PluginGuard(pytest.fail), cursor, Event(), Wishes(others=others)
    )
    assert found.candidates


@pytest.mark.slow
def test_the_documented_command_measures_an_import() -> None:
    words = [sys.executable, "-m", "tests.trainer.export.importing.large", "--shape", "stand-in"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    found = {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}
    assert found["built_mb"] < 4000
    assert 0 < found["loaded_s"] < 5
    assert found["ms_per_token"] > 0
