"""What the engine is asked for at a cursor, by settings and by who asks."""

from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from lsp_server.context import Cursor
from lsp_server.engines import Candidate, Limits
from lsp_server.loading import Model, load_model
from lsp_server.plugin_guard import PluginGuard
from lsp_server.prompt import Prompt
from lsp_server.settings import Settings
from lsp_server.suggestion import FORESIGHT, generate

CURSOR = Cursor(
    uri="file:///a.py", language="python", path="a.py", prefix="import os\nos.", suffix="\n"
)


class Asked:
    """An engine that keeps what it was asked and has no candidate."""

    name = "asked"

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.limits: list[Limits] = []

    def complete(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        """Keep the question."""
        self.prompts.append(prompt)
        self.limits.append(limits)
        return []


@pytest.fixture
def engine() -> Asked:
    return Asked()


@pytest.fixture
def model(small_bundle: Path, engine: Asked) -> Model:
    settings = Settings(bundle=str(small_bundle))
    loaded = load_model(settings, PluginGuard(pytest.fail), lambda percent, message: None)
    return replace(loaded, engine=engine)


def ask(model: Model, cursor: Cursor = CURSOR, settings: Settings | None = None) -> None:
    generate(model, settings or Settings(), PluginGuard(pytest.fail), cursor, Event())


def test_the_file_s_text_is_recalled_unless_the_cache_model_is_off(
    model: Model, engine: Asked
) -> None:
    ask(model)
    ask(model, settings=Settings(cache_model=False))
    recalled, alone = engine.prompts
    assert recalled.recall is not None
    assert alone.recall is None
    assert recalled.ids == alone.ids


def test_a_vocabulary_that_does_not_fit_16_bits_is_completed_by_the_model_alone(
    model: Model, engine: Asked
) -> None:
    manifest = replace(model.bundle.manifest, vocabulary=70_000)
    ask(replace(model, bundle=replace(model.bundle, manifest=manifest)))
    assert engine.prompts[0].recall is None


def test_one_who_asks_gets_alternatives_however_unlikely_and_typing_gets_one_that_is_likely(
    model: Model, engine: Asked
) -> None:
    settings = Settings(alternatives=4, min_probability=0.8)
    ask(model, settings=settings)
    ask(model, replace(CURSOR, invoked=True), settings)
    typing, asking = engine.limits
    assert (typing.alternatives, typing.min_probability) == (1, 0.8 * FORESIGHT)
    assert (asking.alternatives, asking.min_probability) == (4, 0.0)
