"""What people read who ask why nothing was shown: the words for every station, by cases."""

from collections.abc import Sequence
from dataclasses import replace
from math import log

import pytest

from lsp_server.completion.explanation import (
    Explanation,
    explain_absence,
    explain_refusal,
    explain_request,
    stations_of,
)
from lsp_server.completion.read_policy import refusal
from lsp_server.completion.request_trace import (
    Fate,
    Filtered,
    Generation,
    Outcome,
    Source,
    Station,
    Trace,
    Verdict,
)
from lsp_server.completion.worker.pending import State
from lsp_server.documents.positions import Position
from lsp_server.engines import Candidate, StopReason
from lsp_server.settings import Settings

READY = State("ready", 100, "small 1, engine onnx on CPU")
LOADING = State("loading", 50, "starting the engine")
TEXT = Candidate(("urn", " a"), (log(0.9), log(0.8)), StopReason.RULE)
OTHER = Candidate(("x" * 80,), (log(0.5),), StopReason.LENGTH)
HERE, THERE = Position(2, 4), Position(0, 0)
MADE = Generation(prompt=(1,) * 700, candidates=(TEXT,), read=5, milliseconds=14.2)


def answered(outcome: Outcome, *shown: Candidate, source: Source = Source.ENGINE) -> Trace:
    """A request with its answer."""
    trace = Trace(HERE, source=source, outcome=outcome)
    trace.end(Fate.ANSWERED, shown)
    trace.milliseconds = 17.3
    return trace


def verdict(
    name: str, after: Candidate | None, before: Candidate = TEXT, reason: str = "", fault: str = ""
) -> Verdict:
    """What a filter of that name made of a candidate."""
    return Verdict(filter=name, before=before, after=after, reason=reason, fault=fault)


def outcome_of(*verdicts: Verdict, made: Generation = MADE) -> Outcome:
    """An outcome with these verdicts; what is shown of it its trace tells."""
    return Outcome(generation=made, filtered=Filtered((), verdicts))


def ended(fate: Fate) -> Trace:
    """A request without an answer."""
    trace = Trace(HERE)
    trace.end(fate)
    trace.milliseconds = 30.0
    return trace


def made_of(*candidates: Candidate) -> Outcome:
    """An outcome of these candidates, which no filter has seen."""
    return outcome_of(made=replace(MADE, candidates=candidates))


@pytest.mark.parametrize(
    ("trace", "state", "summary"),
    [
        (answered(outcome_of(), TEXT), READY, "Shown: 'urn a', 72% likely."),
        (
            answered(outcome_of(), TEXT, OTHER),
            READY,
            f"Shown: 'urn a', 72% likely; '{'x' * 60}…', 50% likely.",
        ),
        (
            answered(outcome_of(verdict("likely", None, reason="it is unlikely; change x"))),
            READY,
            "Nothing was shown: it is unlikely; change x.",
        ),
        (
            answered(outcome_of(verdict("theirs", None))),
            READY,
            "Nothing was shown: it drops 'urn a'.",
        ),
        (
            answered(Outcome(obstacle=Station("model", "no model is loaded: no file", False))),
            State("error", 100, "no file"),
            "Nothing was shown: no model is loaded: no file.",
        ),
        (
            answered(made_of()),
            READY,
            "Nothing was shown: the engine has nothing to suggest here.",
        ),
        (
            answered(made_of(Candidate((), (), StopReason.END))),
            READY,
            "Nothing was shown: the engine has no text to suggest here: the model ended it.",
        ),
        (
            answered(outcome_of(verdict("theirs", TEXT))),
            READY,
            "Nothing was shown: there is no text left to show.",
        ),
        (
            ended(Fate.CANCELLED),
            READY,
            "Nothing was shown: the editor cancelled the request after 30 ms.",
        ),
        (
            ended(Fate.SUPERSEDED),
            READY,
            "Nothing was shown: a later request superseded this one.",
        ),
        (
            Trace(HERE),
            READY,
            "Nothing is shown yet: the editor has not told its settings yet.",
        ),
        (
            Trace(HERE, allowed=True),
            LOADING,
            "Nothing is shown yet: the model is loading, 50 %: starting the engine.",
        ),
        (
            Trace(HERE, allowed=True),
            READY,
            "Nothing is shown yet: the engine is still at work.",
        ),
    ],
)
def test_the_summary_is_the_word_of_the_station_that_stopped_the_request(
    trace: Trace, state: State, summary: str
) -> None:
    explained = explain_request(trace, state)
    assert explained.summary == summary
    assert [station.passed for station in explained.stations].count(False) <= 1
    assert all(station.passed for station in explained.stations[:-1])


FAULT = "plugin 'theirs' of other 1 raised ValueError: no; it is off until restart"


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        (
            answered(outcome_of(), TEXT),
            {
                "document": "it may be read",
                "request": "made by typing, answered in 17 ms by the engine",
                "model": "small 1, engine onnx on CPU",
                "prompt": "700 tokens, 695 of them cached",
                "engine": "1 candidate of 2 tokens in 14 ms; "
                "the first stops as the line or block was complete",
                "offered": "'urn a', 72% likely",
            },
        ),
        (
            answered(replace(outcome_of(), typed=1), TEXT, source=Source.MEMORY),
            {
                "request": "made by typing, answered in 17 ms from memory: prompt and engine are "
                "those of an earlier one 1 character before this one"
            },
        ),
        (
            answered(outcome_of(), TEXT, source=Source.JOINED),
            {
                "request": "made by typing, answered in 17 ms together with an earlier one for "
                "the same place"
            },
        ),
        (
            answered(outcome_of(made=replace(MADE, read=None, faults=(FAULT,))), TEXT),
            {"prompt": f"700 tokens; {FAULT}"},
        ),
        (
            answered(
                outcome_of(
                    verdict("theirs", TEXT, fault=FAULT),
                    verdict("likely", replace(TEXT, tokens=("urn",), logprobs=(0.0,))),
                    verdict("blank", TEXT),
                    verdict("likely", None, before=OTHER, reason="unseen"),
                    verdict("blank", TEXT),
                ),
                TEXT,
            ),
            {
                "filter theirs": FAULT,
                "filter likely": "keeps 'urn' of 'urn a'",
                "filter blank": "keeps 'urn a' and 1 more",
            },
        ),
    ],
)
def test_every_station_says_what_it_did(trace: Trace, told: dict[str, str]) -> None:
    found = {station.name: station.detail for station in stations_of(trace, READY)}
    assert {name: found[name] for name in told} == told
    assert list(found)[-1] == "offered"


@pytest.mark.parametrize(
    ("settings", "uri", "language", "reason", "summary"),
    [
        (
            Settings(enabled=False),
            "file:///a.py",
            "python",
            "lory is turned off",
            "Nothing is shown here: lory is turned off; set enabled to true.",
        ),
        (
            Settings(),
            "file:///a.rs",
            "klingon",
            "language 'klingon' is off",
            "Nothing is shown here: language 'klingon' is off; add 'klingon' to languages.",
        ),
        (
            Settings(),
            "file:///.env.py",
            "python",
            "excluded by '**/.env*'",
            "Nothing is shown here: excluded by '**/.env*'; "
            "files of passwords and keys never are read.",
        ),
        (
            Settings(exclude=("private/**",)),
            "file:///private/a.py",
            "python",
            "excluded by 'private/**'",
            "Nothing is shown here: excluded by 'private/**'; take that out of exclude.",
        ),
    ],
)
def test_a_document_that_is_not_read_tells_the_setting_that_says_so(
    settings: Settings, uri: str, language: str, reason: str, summary: str
) -> None:
    refused = refusal(settings, uri, language)
    assert refused is not None
    explained = explain_refusal(refused, READY)
    assert explained.summary == summary
    told = explained.as_json()
    assert (told["read"], told["reason"], told["request"]) == (False, reason, None)


def test_a_document_that_may_be_read_is_not_refused() -> None:
    assert refusal(Settings(), "file:///a.py", "python") is None


@pytest.mark.parametrize(
    ("trace", "state", "summary"),
    [
        (None, READY, "No request was made in this document yet."),
        (
            None,
            LOADING,
            "No request was made in this document yet. "
            "The engine is not ready: starting the engine.",
        ),
        (
            Trace(HERE),
            READY,
            "No request was made here yet; the last one was at line 3, column 5.",
        ),
        (
            Trace(HERE, superseded=THERE),
            READY,
            "Nothing was shown: a later request, at line 3, column 5, superseded the one made "
            "here.",
        ),
    ],
)
def test_the_last_request_is_not_explained_for_another_place(
    trace: Trace | None, state: State, summary: str
) -> None:
    explained = explain_absence(trace, THERE, state)
    assert (explained.summary, explained.trace) == (summary, None)


def shape(explained: Explanation) -> Sequence[str]:
    """The keys of the answer."""
    return list(explained.as_json())


def test_the_answer_has_the_same_keys_whatever_is_explained() -> None:
    request = explain_request(answered(outcome_of(), TEXT), READY)
    absence = explain_absence(None, None, READY)
    keys = ["summary", "read", "reason", "state", "message", "request"]
    assert shape(request) == shape(absence) == keys
    told = request.as_json()["request"]
    assert list(told) == ["position", "ageMs", "shown", "stations"]
    assert (told["position"], told["shown"]) == ({"line": 2, "character": 4}, ["urn a"])
    assert {*told["stations"][0]} == {"station", "verdict", "detail"}
    assert {station["verdict"] for station in told["stations"]} == {"passed"}
