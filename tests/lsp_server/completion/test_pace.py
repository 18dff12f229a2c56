"""A large model answers from what is near the cursor, and reads the whole prompt until it has."""

import asyncio
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from lsp_server.completion.completer import Completer
from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model import bundled, pace
from lsp_server.completion.model.limits import IN_TIME
from lsp_server.completion.model.loading import Model, load_model
from lsp_server.completion.model.pace import prompt_in_time, tokens_in_time
from lsp_server.completion.model.threads import LARGE
from lsp_server.completion.request_trace import Generation, Trace
from lsp_server.completion.suggestion import generate
from lsp_server.contract.prompt import Prompt
from lsp_server.documents.positions import Position
from lsp_server.engines import ReadsAhead
from lsp_server.plugins import PluginGuard
from lsp_server.project.workspace import Workspace
from lsp_server.settings import Settings

LINES = [f"value_{at} = compute(value_{at - 1}, {at})\n" for at in range(1, 60)]
CURSOR = Cursor(
    uri="file:///a.py",
    language="python",
    path="a.py",
    prefix="".join(LINES[:40]) + "value_41 = ",
    suffix="\n" + "".join(LINES[41:]),
)
FEW = 20
"""Tokens that are read before an answer."""


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is near is little, as the tests' model has a short context."""
    for name, tokens in (("NEAR_PATH", 2), ("NEAR_PREFIX", 16), ("NEAR_SUFFIX", 8)):
        monkeypatch.setattr(pace, name, tokens)


@pytest.fixture
def model(small_bundle: Path) -> Model:
    loaded = load_model(Settings(bundle=str(small_bundle)), PluginGuard(pytest.fail))
    return replace(loaded, in_time=FEW)


def ask(model: Model, cursor: Cursor = CURSOR) -> Generation:
    return generate(model, Settings(), PluginGuard(pytest.fail), cursor, Event(), IN_TIME)


def test_small_models_read_all_and_large_ones_as_much_as_was_measured(small_bundle: Path) -> None:
    model = load_model(Settings(bundle=str(small_bundle)), PluginGuard(pytest.fail))
    assert model.in_time is None
    manifest = replace(model.bundle.manifest, parameters=LARGE + 1)
    found = tokens_in_time(replace(model.bundle, manifest=manifest), model.engine)
    assert found is not None
    assert found > 0
    assert ask(model).whole is None


def test_what_is_near_is_answered_from_until_the_whole_is_read(model: Model) -> None:
    engine = model.engine
    assert isinstance(engine, ReadsAhead)
    near = ask(model)
    assert near.whole is not None
    assert len(near.prompt) < len(near.whole.ids) / 2
    assert near.prompt[-10:] == near.whole.ids[-10:]
    assert near.read == len(near.prompt)
    engine.read(near.whole, Event())
    assert engine.unread(near.whole) == 1
    whole = ask(model)
    assert (whole.whole, whole.read, whole.prompt) == (None, 1, near.whole.ids)


def test_who_asks_waits_for_the_whole(model: Model) -> None:
    assert ask(model, replace(CURSOR, invoked=True)).whole is None


def test_a_short_prompt_is_read_at_once(model: Model) -> None:
    assert ask(model, replace(CURSOR, prefix="x = ", suffix="")).whole is None


def test_reading_on_goes_as_far_as_it_is_let_and_on_from_there(model: Model) -> None:
    class Third(Event):
        """Set at the third look."""

        looks = 0

        def is_set(self) -> bool:
            self.looks += 1
            return self.looks > 2

    engine, whole = model.engine, ask(model).whole
    assert isinstance(engine, ReadsAhead)
    assert whole is not None
    stopped = Event()
    stopped.set()
    engine.read(whole, stopped)
    assert engine.unread(whole) == len(whole.ids)
    engine.read(whole, Third())
    assert 1 < engine.unread(whole) < len(whole.ids)


def test_the_pace_is_measured_and_nothing_is_kept_of_it(model: Model) -> None:
    engine, whole = model.engine, ask(model).whole
    assert isinstance(engine, ReadsAhead)
    assert whole is not None
    engine.read(whole, Event())
    assert engine.pace() > 0
    assert engine.unread(whole) == len(whole.ids)


def test_a_prompt_without_its_texts_is_given_as_it_is(model: Model) -> None:
    bare = Prompt(tuple(range(20, 20 + 3 * FEW)))
    assert prompt_in_time(model.engine, model.tokenizer, model.budget, bare, FEW) is bare


class Silent:
    """Shows nobody what the engine does."""

    def show(self, state: object) -> None:
        """Nobody looks."""

    def repeat(self, state: object) -> None:
        """Nobody looks."""


async def answered(completer: Completer, cursor: Cursor) -> Generation:
    """What the engine did for one key."""
    trace = Trace(Position(0, 0))
    await completer.complete(cursor, trace)
    assert trace.outcome is not None
    assert trace.outcome.generation is not None
    return trace.outcome.generation


def test_between_two_keys_the_whole_is_read_and_the_next_one_is_answered_from_it(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundled, "tokens_in_time", lambda bundle, engine: FEW)

    async def type_two_keys() -> tuple[Generation, Generation]:
        guard = PluginGuard(pytest.fail)
        completer = Completer(Silent(), guard, Workspace(lambda uri: None))
        completer.load(Settings(bundle=str(small_bundle), min_probability=1.0))
        try:
            first = await answered(completer, CURSOR)
            model = completer.model_of("python")
            assert model is not None
            assert isinstance(model.engine, ReadsAhead)
            assert first.whole is not None
            async with asyncio.timeout(60):
                while model.engine.unread(first.whole) > 1:
                    await asyncio.sleep(0.01)
            key = replace(CURSOR, prefix=CURSOR.prefix + "c")
            return first, await answered(completer, key)
        finally:
            completer.end()

    first, second = asyncio.run(type_two_keys())
    assert first.whole is not None
    assert second.whole is None
    assert second.read is not None
    assert second.read < FEW
