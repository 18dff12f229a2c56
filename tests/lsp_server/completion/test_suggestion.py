"""What the engine is asked for at a cursor, and what every station tells of its answer."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from math import log
from pathlib import Path
from threading import Event
from typing import Any, NoReturn

import numpy as np
import pytest

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model.limits import FORESIGHT, SPARE, Wishes
from lsp_server.completion.model.loading import Model, load_model
from lsp_server.completion.request_trace import Generation, probability
from lsp_server.completion.selection.filters import (
    FilterContext,
    drop_blank,
    explained_by,
    keep_likely_part,
)
from lsp_server.completion.suggestion import generate, select
from lsp_server.contract.prompt import Prompt
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.plugins import CONTEXTS, FILTERS, ActivePlugin, Plugin, PluginGuard
from lsp_server.project.index.open_texts import OpenTexts
from lsp_server.project.index.view import ProjectView
from lsp_server.settings import Settings

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
    loaded = load_model(settings, PluginGuard(pytest.fail))
    return replace(loaded, engine=engine)


def ask(model: Model, cursor: Cursor = CURSOR, settings: Settings | None = None) -> Generation:
    return generate(model, settings or Settings(), PluginGuard(pytest.fail), cursor, Event())


def test_the_file_s_text_is_recalled_unless_the_cache_model_is_off(
    model: Model, engine: Asked
) -> None:
    ask(model)
    ask(model, settings=Settings(cache_model=False))
    recalled, alone = engine.prompts
    assert recalled.recall is not None
    assert alone.recall is None
    assert recalled.ids == alone.ids


def test_the_file_has_its_say_in_a_vocabulary_that_does_not_fit_16_bits(
    model: Model, engine: Asked
) -> None:
    manifest = replace(model.bundle.manifest, vocabulary=70_000)
    ask(replace(model, bundle=replace(model.bundle, manifest=manifest)))
    assert engine.prompts[0].recall is not None


def test_one_who_asks_gets_alternatives_however_unlikely_and_typing_gets_one_that_is_likely(
    model: Model, engine: Asked
) -> None:
    settings = Settings(alternatives=4, min_probability=0.8)
    ask(model, settings=settings)
    ask(model, replace(CURSOR, invoked=True), settings)
    typing, asking = engine.limits
    assert (typing.alternatives, typing.min_probability) == (1, 0.8 * FORESIGHT)
    assert (asking.alternatives, asking.min_probability) == (4 + SPARE, 0.0)


def test_typing_gets_several_where_that_is_set_and_one_who_asks_gets_no_fewer(
    model: Model, engine: Asked
) -> None:
    settings = Settings(alternatives=2, alternatives_when_typing=5)
    ask(model, settings=settings)
    ask(model, replace(CURSOR, invoked=True), settings)
    assert [limits.alternatives for limits in engine.limits] == [5 + SPARE, 5 + SPARE]


def test_wishes_of_a_request_bound_the_engine_and_never_widen_the_settings(
    model: Model, engine: Asked
) -> None:
    guard, cancelled = PluginGuard(pytest.fail), Event()
    for most in (5, 10_000):
        wishes = Wishes(max_tokens=most, stop=("END",), temperature=0.5, seed=3, owner="ann")
        generate(model, Settings(), guard, CURSOR, cancelled, wishes)
    few, many = engine.limits
    assert (few.max_tokens, many.max_tokens) == (5, model.budget.completion)
    assert (few.temperature, few.seed) == (0.5, 3)
    assert few.stop("getcwd() END") == len("getcwd() ")
    assert few.stop("a\nEND") == 1
    assert engine.prompts[0].owner == "ann"


def test_what_a_request_says_of_other_files_is_recalled_for_it_alone(
    model: Model, engine: Asked
) -> None:
    others = ProjectView((), OpenTexts([np.array([20, 21], np.uint16)]))
    wishes = Wishes(others=others)
    generate(model, Settings(), PluginGuard(pytest.fail), CURSOR, Event(), wishes)
    ask(model)
    told, untold = engine.prompts
    assert told.recall is not None
    assert untold.recall is not None
    assert [rung.counts for rung in told.recall.levels([20])[0]] == [{21: 1}]
    assert list(untold.recall.levels([20])[0]) == []


class Reading(Asked):
    """An engine that tells what it had to read."""

    last_prefill = 3


def test_a_run_of_the_engine_keeps_its_prompt_and_what_was_read_of_it(
    model: Model, engine: Asked
) -> None:
    silent, telling = ask(model), ask(replace(model, engine=Reading()))
    assert silent.prompt == engine.prompts[0].ids
    assert (silent.read, telling.read) == (None, 3)
    assert silent.candidates == ()
    assert silent.faults == ()
    assert silent.milliseconds >= 0


def plugin(group: str, name: str, function: Callable[..., object]) -> ActivePlugin:
    """A plugin of another distribution."""
    return ActivePlugin(Plugin(name, group, "other", "1", EntryPoint(name, "a:b", group)), function)


def fail(*_: object) -> NoReturn:
    raise ValueError("no luck")


def shout(candidate: Candidate, context: FilterContext) -> Candidate:
    return replace(candidate, tokens=tuple(token.upper() for token in candidate.tokens))


@explained_by(fail)
def drop_without_reason(candidate: Candidate, context: FilterContext) -> None:
    return None


def test_a_context_plugin_that_fails_is_told_of_in_every_later_run(model: Model) -> None:
    guard = PluginGuard(lambda message: None)
    failing = replace(model, contexts=(plugin(CONTEXTS, "bad", fail), *model.contexts))
    for _ in range(2):
        [fault] = generate(failing, Settings(), guard, CURSOR, Event()).faults
        assert fault == (
            "plugin 'bad' of other 1 raised ValueError: no luck; it is off until restart"
        )


def test_each_filter_tells_what_it_made_of_each_candidate(model: Model) -> None:
    guard = PluginGuard(lambda message: None)
    names: dict[str, Callable[..., object]] = {
        "fail": fail,
        "likely": keep_likely_part,
        "shout": shout,
        "blank": drop_blank,
    }
    filters = tuple(plugin(FILTERS, name, function) for name, function in names.items())
    candidates = [
        Candidate(("path", ".x"), (log(0.9), log(0.5)), StopReason.END),
        Candidate(("sep",), (log(0.2),), StopReason.END),
        Candidate(("a",), (log(0.9),), StopReason.END),
    ]
    settings = Settings(alternatives_when_typing=3)
    found = select(replace(model, filters=filters), settings, guard, CURSOR, candidates)
    assert [item.text for item in found.shown] == ["PATH"]
    told = [(v.filter, v.before.text, v.after and v.after.text) for v in found.verdicts]
    assert told == [
        ("fail", "path.x", "path.x"),
        ("likely", "path.x", "path"),
        ("shout", "path", "PATH"),
        ("blank", "PATH", "PATH"),
        ("fail", "sep", "sep"),
        ("likely", "sep", None),
        ("fail", "a", "a"),
        ("likely", "a", "a"),
        ("shout", "a", "A"),
        ("blank", "A", None),
    ]
    assert [bool(verdict.reason) for verdict in found.verdicts] == [
        verdict.after is None for verdict in found.verdicts
    ]
    assert {verdict.filter for verdict in found.verdicts if verdict.fault} == {"fail"}


def test_a_filter_whose_reason_fails_is_off_like_one_that_fails_itself(model: Model) -> None:
    reports: list[str] = []
    filters = (plugin(FILTERS, "bad", drop_without_reason),)
    candidate = Candidate(("path",), (0.0,), StopReason.END)
    asked = replace(model, filters=filters), Settings(), PluginGuard(reports.append), CURSOR
    first, second = select(*asked, [candidate]), select(*asked, [candidate])
    assert (first.shown, second.shown) == ((), (candidate,))
    assert first.verdicts[0].reason == ""
    assert "raised ValueError: no luck" in first.verdicts[0].fault
    assert len(reports) == 1


def chosen(
    model: Model, candidates: list[Candidate], cursor: Cursor = CURSOR, **settings: Any
) -> list[tuple[str, float]]:
    """The texts that are shown of candidates, with how likely each is."""
    found = select(model, Settings(**settings), PluginGuard(pytest.fail), cursor, candidates)
    return [(item.text, round(probability(item), 3)) for item in found.shown]


ASKED = replace(CURSOR, invoked=True)


def test_a_later_candidate_of_equal_text_never_lowers_the_probability(model: Model) -> None:
    likely = Candidate(("path",), (log(0.22),), StopReason.END)
    unlikely = Candidate(("pa", "th"), (log(0.01), log(0.1)), StopReason.END)
    without = replace(model, filters=())
    for filters in (model, without):
        assert chosen(filters, [likely, unlikely], ASKED) == [("path", 0.22)]
    assert chosen(without, [unlikely, likely], ASKED) == [("path", 0.22)]


def test_one_who_asks_gets_a_text_however_short_and_typing_does_not(model: Model) -> None:
    short = Candidate(("np",), (log(0.9),), StopReason.END)
    assert chosen(model, [short], ASKED) == [("np", 0.9)]
    assert chosen(model, [short]) == []


def test_blanks_at_the_end_are_not_shown_and_make_no_other_alternative(model: Model) -> None:
    candidates = [
        Candidate(("main", "()", "\n"), (log(0.5), log(0.9), log(0.9)), StopReason.END),
        Candidate(("import",), (log(0.2),), StopReason.END),
        Candidate(("main()",), (log(0.1),), StopReason.END),
        Candidate(("main()", "\n        "), (log(0.1), log(0.1)), StopReason.END),
    ]
    assert [text for text, _ in chosen(model, candidates, ASKED)] == ["main()", "import"]
    without = chosen(replace(model, filters=()), candidates, ASKED)
    assert [text for text, _ in without] == ["main()", "import"]
    tail = Candidate(("self", ".check", "()", "\n        "), (log(0.95),) * 4, StopReason.END)
    for cursor in (CURSOR, ASKED):
        assert [text for text, _ in chosen(model, [tail], cursor)] == ["self.check()"]


def test_a_blank_candidate_is_never_shown_whatever_the_filters(model: Model) -> None:
    blank = Candidate(("\n", "    "), (0.0, 0.0), StopReason.END)
    assert chosen(replace(model, filters=()), [blank], ASKED) == []


def test_an_alternative_says_more_than_the_start_of_what_is_shown(model: Model) -> None:
    candidates = [
        Candidate(("get", "_all", "()"), (log(0.9), log(0.9), log(0.9)), StopReason.END),
        Candidate(("get", "_one", "()"), (log(0.9), log(0.05), log(0.9)), StopReason.END),
        Candidate(("get", "_all"), (log(0.9), log(0.01)), StopReason.END),
    ]
    assert [text for text, _ in chosen(model, candidates, ASKED)] == ["get_all()", "get_one()"]


def test_as_many_are_shown_as_are_wanted(model: Model) -> None:
    candidates = [Candidate((letter * 4,), (log(0.2),), StopReason.END) for letter in "abcdef"]
    assert len(chosen(model, candidates, ASKED, alternatives=2)) == 2
    assert len(chosen(model, candidates, ASKED, alternatives=4)) == 4


def test_a_string_is_not_left_open_unless_one_asks_and_there_is_no_other_end(
    model: Model,
) -> None:
    cursor = replace(CURSOR, prefix="x = ", suffix="\n")
    closed = Candidate(("db", "[", '"', "a", '"', "]"), (log(0.99),) * 6, StopReason.END)
    assert chosen(model, [closed], cursor)[0][0] == 'db["a"]'
    unsure = Candidate(("db", "[", '"', "a"), (log(0.95),) * 4, StopReason.UNLIKELY)
    assert chosen(model, [unsure], cursor)[0][0] == "db["
    alone = Candidate(('"', "core"), (log(0.95),) * 2, StopReason.UNLIKELY)
    assert chosen(model, [alone], cursor) == []
    assert chosen(model, [alone], replace(cursor, invoked=True))[0][0] == '"core'
