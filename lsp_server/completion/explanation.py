"""Explains in words why a suggestion was shown, or why none was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from lsp_server.completion.read_policy import Refusal
from lsp_server.completion.request_trace import (
    Fate,
    Generation,
    Outcome,
    Source,
    Station,
    Trace,
    Verdict,
    probability,
)
from lsp_server.completion.selection.candidates import quote
from lsp_server.completion.worker.pending import State
from lsp_server.documents.positions import Position
from lsp_server.engines import Candidate, StopReason

ENDED = {
    StopReason.END: "the model ended it",
    StopReason.RULE: "the line or block was complete",
    StopReason.LENGTH: "max_tokens was reached",
    StopReason.UNLIKELY: "more would have been too unlikely",
    StopReason.BROKEN: "the model wrote what is no text",
    StopReason.CANCELLED: "it was cancelled",
    StopReason.COMPLETE: "the line is likelier as it stands",
}
"""Why a candidate stops where it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a user is told who asks why."""

    summary: str
    """One sentence, with what to change."""
    state: State
    """Of the engine, now."""
    refusal: Refusal | None = None
    """Why the document is not read."""
    trace: Trace | None = None
    """The request that is explained."""
    stations: tuple[Station, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values, as `lory/explain` answers them."""
        return {
            "summary": self.summary,
            "read": self.refusal is None,
            "reason": "" if self.refusal is None else self.refusal.reason,
            "state": self.state.name,
            "message": self.state.message,
            "request": None if self.trace is None else request_json(self.trace, self.stations),
        }


def request_json(trace: Trace, stations: Sequence[Station]) -> dict[str, Any]:
    """The explained request in plain values."""
    position = {"line": trace.position.line, "character": trace.position.character}
    return {
        "position": position,
        "ageMs": round((perf_counter() - trace.begun) * 1e3),
        "shown": [trace.lead + candidate.text for candidate in trace.shown],
        "stations": [
            {
                "station": station.name,
                "verdict": "passed" if station.passed else "stopped",
                "detail": station.detail,
            }
            for station in stations
        ],
    }


def explain_refusal(refusal: Refusal, state: State) -> Explanation:
    """Why nothing is shown in a document that is not read."""
    return Explanation(
        summary=f"Nothing is shown here: {refusal.reason}; {refusal.advice}.",
        state=state,
        refusal=refusal,
    )


def explain_request(trace: Trace, state: State) -> Explanation:
    """What became of a request."""
    stations = tuple(stations_of(trace, state))
    stopped = next((station for station in stations if not station.passed), None)
    if stopped is None:
        summary = f"Shown: {stations[-1].detail}."
    else:
        nothing = "Nothing is shown yet" if trace.fate is Fate.WAITING else "Nothing was shown"
        summary = f"{nothing}: {stopped.detail}."
    return Explanation(summary=summary, state=state, trace=trace, stations=stations)


def explain_absence(trace: Trace | None, position: Position | None, state: State) -> Explanation:
    """Why nothing can be told of a place: the document's last request was elsewhere, if any."""
    if trace is None:
        summary = "No request was made in this document yet."
    elif position == trace.superseded:
        last = place_words(trace.position)
        summary = f"Nothing was shown: a later request, at {last}, superseded the one made here."
    else:
        last = place_words(trace.position)
        summary = f"No request was made here yet; the last one was at {last}."
    if state.name != "ready":
        summary += f" The engine is not ready: {state.message}."
    return Explanation(summary=summary, state=state)


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def place_words(position: Position) -> str:
    """A position as editors show it."""
    return f"line {position.line + 1}, column {position.character + 1}"


def stations_of(trace: Trace, state: State) -> Iterator[Station]:
    """Every station's word on a request, up to the one that stopped it."""
    for station in all_stations(trace, state):
        yield station
        if not station.passed:
            return


def all_stations(trace: Trace, state: State) -> Iterator[Station]:
    """The stations in the order of a request's way; it goes on from those that passed."""
    yield Station("document", "it may be read")
    yield waiting_for(trace, state) if trace.fate is Fate.WAITING else request_station(trace)
    outcome = trace.outcome or Outcome()
    if outcome.obstacle is not None:
        yield outcome.obstacle
    if state.name == "ready":
        answered = outcome.generation.model if outcome.generation is not None else ""
        yield Station("model", answered or state.message)
    if outcome.generation is not None:
        yield prompt_station(outcome.generation)
        yield engine_station(outcome.generation)
    yield from filter_stations(outcome)
    yield offer_station(trace)


def waiting_for(trace: Trace, state: State) -> Station:
    """What keeps a request without an answer."""
    if not trace.allowed:
        return Station("settings", "the editor has not told its settings yet", passed=False)
    if state.name == "loading":
        detail = f"the model is loading, {state.percent} %: {state.message}"
        return Station("model", detail, passed=False)
    return Station("engine", "the engine is still at work", passed=False)


def request_station(trace: Trace) -> Station:
    """Who asked, and where the answer comes from."""
    if trace.fate is Fate.CANCELLED:
        detail = f"the editor cancelled the request after {trace.milliseconds:.0f} ms"
        return Station("request", detail, passed=False)
    if trace.fate is Fate.SUPERSEDED:
        return Station("request", "a later request superseded this one", passed=False)
    asked = "asked for by a person" if trace.invoked else "made by typing"
    typed = trace.outcome.typed if trace.outcome else 0
    where = f"{count(typed, 'character')} before this one" if typed else "for the same place"
    origin = {
        Source.NONE: "without the engine",
        Source.ENGINE: "by the engine",
        Source.JOINED: "together with an earlier one for the same place",
        Source.MEMORY: f"from memory: prompt and engine are those of an earlier one {where}",
    }
    detail = f"{asked}, answered in {trace.milliseconds:.0f} ms {origin[trace.source]}"
    return Station("request", detail)


def prompt_station(generation: Generation) -> Station:
    """How much the engine was given, and which context plugins are missing."""
    detail = count(len(generation.prompt), "token")
    if generation.read is not None:
        detail += f", {len(generation.prompt) - generation.read} of them cached"
    if generation.whole is not None:
        detail += f"; the whole of {len(generation.whole.ids)} is read before the next keys"
    return Station("prompt", "; ".join([detail, *generation.faults]))


def engine_station(generation: Generation) -> Station:
    """What the engine gave."""
    candidates = generation.candidates
    if not candidates:
        return Station("engine", "the engine has nothing to suggest here", passed=False)
    best = candidates[0]
    if not any(item.text or item.unlikely for item in candidates):
        detail = f"the engine has no text to suggest here: {ENDED[best.stop]}"
        return Station("engine", detail, passed=False)
    amount = count(len(candidates), "candidate")
    tokens = count(sum(len(item.tokens) for item in candidates), "token")
    spent = f"{generation.milliseconds:.0f} ms"
    detail = f"{amount} of {tokens} in {spent}; the first stops as {ENDED[best.stop]}"
    return Station("engine", detail)


def filter_stations(outcome: Outcome) -> Iterator[Station]:
    """What each filter made of the candidates that reached it."""
    by_filter: dict[str, list[Verdict]] = {}
    for verdict in outcome.filtered.verdicts:
        by_filter.setdefault(verdict.filter, []).append(verdict)
    for name, verdicts in by_filter.items():
        yield filter_station(name, verdicts)


def filter_station(name: str, verdicts: Sequence[Verdict]) -> Station:
    """What one filter made of them; the first speaks for those that were dropped with it."""
    first = next((verdict for verdict in verdicts if verdict.after is not None), None)
    name = f"filter {name}"
    if first is None or first.after is None:
        lost = verdicts[0]
        return Station(name, lost.reason or f"it drops {quote(lost.before.text)}", passed=False)
    if first.fault:
        return Station(name, first.fault)
    kept = f"keeps {quote(first.after.text)}"
    if first.after.text != first.before.text:
        kept += f" of {quote(first.before.text)}"
    others = sum(verdict.after is not None for verdict in verdicts) - 1
    return Station(name, kept + (f" and {others} more" if others else ""))


def offer_station(trace: Trace) -> Station:
    """What the editor was given."""
    if not trace.shown:
        return Station("offered", "there is no text left to show", passed=False)
    return Station("offered", "; ".join(offer_words(trace.lead, item) for item in trace.shown))


def offer_words(lead: str, candidate: Candidate) -> str:
    """A text with the probability that all of it is right."""
    known = f"{probability(candidate):.0%} likely" if candidate.rated else "how likely is not known"
    return f"{quote(lead + candidate.text)}, {known}"
