"""What is kept of requests: the last one of each document, and nothing longer than it may be."""

from hashlib import sha256

from lsp_server.completion.request_trace import Fate, Generation, Trace, Traces, probability
from lsp_server.documents.positions import Position
from lsp_server.engines import Candidate, StopReason

HERE, THERE = Position(1, 4), Position(2, 0)
CANDIDATE = Candidate(("a", "b"), (-0.5, -0.25), StopReason.END)


def test_only_the_last_request_of_a_document_is_kept_and_only_until_it_is_forgotten() -> None:
    traces = Traces()
    traces.begin("a", Trace(HERE))
    other, second = traces.begin("b", Trace(HERE)), traces.begin("a", Trace(HERE))
    assert (traces.last("a"), traces.last("b"), traces.last("c")) == (second, other, None)
    traces.forget("a")
    assert (traces.last("a"), traces.last("b")) == (None, other)


def test_a_request_knows_which_unanswered_one_it_took_the_place_of() -> None:
    traces = Traces()
    waiting, later = traces.begin("a", Trace(HERE)), traces.begin("a", Trace(THERE))
    assert (waiting.superseded, later.superseded) == (None, HERE)
    later.end(Fate.ANSWERED)
    assert traces.begin("a", Trace(HERE)).superseded is None


def test_a_request_that_was_turned_away_is_kept_only_where_it_hides_no_other() -> None:
    traces = Traces()
    away, again = Trace(HERE), Trace(HERE)
    away.end(Fate.ANSWERED)
    traces.turn_away("a", away)
    assert traces.last("a") is away
    waiting = traces.begin("a", Trace(THERE))
    assert waiting.superseded is None
    traces.turn_away("a", again)
    assert traces.last("a") is waiting
    waiting.end(Fate.ANSWERED)
    traces.turn_away("a", Trace(THERE))
    assert traces.last("a") is waiting
    traces.turn_away("a", again)
    assert traces.last("a") is again
    traces.forget("a")
    assert traces.last("a") is None


def test_an_ended_request_tells_what_was_shown_and_how_long_it_took() -> None:
    trace = Trace(HERE)
    assert (trace.fate, trace.shown, trace.milliseconds) == (Fate.WAITING, (), 0.0)
    trace.end(Fate.ANSWERED, [CANDIDATE])
    assert (trace.fate, trace.shown) == (Fate.ANSWERED, (CANDIDATE,))
    assert trace.milliseconds > 0
    assert round(probability(CANDIDATE), 4) == 0.4724


def test_the_hash_of_a_prompt_is_that_of_its_ids_in_32_bits() -> None:
    made = Generation(prompt=(1, 258), candidates=(), read=None, milliseconds=0.0)
    assert made.prompt_sha256() == sha256(bytes([1, 0, 0, 0, 2, 1, 0, 0])).hexdigest()
