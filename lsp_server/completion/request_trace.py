"""Records what each station did with a request, for the command that explains it.

Stations give frozen records of their work, which they have at hand anyway; words are found for
them once somebody asks. A trace is written on the event loop's thread alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from math import exp
from struct import pack
from time import perf_counter

from lsp_server.contract.prompt import Prompt
from lsp_server.documents.positions import Position
from lsp_server.engines import Candidate


@dataclass(frozen=True, slots=True)
class Station:
    """One station's word, for people."""

    name: str
    detail: str
    """A sentence without its stop; "; " parts what happened from what to do about it."""
    passed: bool = True
    """Whether the request went on from there."""


RULES_CHANGED = Station("document", "what may be read has changed meanwhile", passed=False)
"""Why a request is answered with nothing that was under way then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One run of the engine, before any filter."""

    model: str = ""
    """What answered, and in which language; for people."""
    prompt: tuple[int, ...]
    """The token ids that were given to the engine."""
    candidates: tuple[Candidate, ...]
    read: int | None
    """Tokens of the prompt that were not cached; None where the engine does not tell."""
    whole: Prompt | None = None
    """The prompt that is still to be read, where one of what stands near the cursor was given."""
    milliseconds: float
    """In the engine."""
    faults: tuple[str, ...] = ()
    """One line for each context plugin that has failed and is off."""

    def prompt_sha256(self) -> str:
        """The hash of the prompt's ids as 32-bit little-endian numbers, in hexadecimal digits.

        Of 1,000 ids it takes 18 µs, which is spent only where somebody wants it.
        """
        return sha256(pack(f"<{len(self.prompt)}I", *self.prompt)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one filter made of one candidate."""

    filter: str
    before: Candidate
    after: Candidate | None
    reason: str = ""
    """Why nothing is left, as the filter has it; "" where it does not say."""
    fault: str = ""
    """Why the filter did not run: it has failed and is off."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """What the filters left."""

    shown: tuple[Candidate, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    """In the order in which they were given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a request can be answered with, and how it came about."""

    filtered: Filtered = field(default_factory=Filtered)
    generation: Generation | None = None
    """The run that the candidates come from, of this request or of an earlier one."""
    typed: int = 0
    """Characters of that run's candidates that have been typed since."""
    obstacle: Station | None = None
    """What kept the engine from answering."""


class Fate(StrEnum):
    """How a request ended."""

    WAITING = "waiting"
    """Not yet."""
    ANSWERED = "answered"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


class Source(StrEnum):
    """Where a request's answer comes from."""

    ENGINE = "engine"
    MEMORY = "memory"
    JOINED = "joined"
    """From the engine, by an earlier request at the same place."""
    NONE = "none"
    """Nobody was asked: the outcome's obstacle says why."""


@dataclass(slots=True, eq=False)
class Trace:
    """One request from its arrival to its answer."""

    position: Position
    """The cursor, as the editor counts."""
    invoked: bool = False
    """Asked for by a person."""
    lead: str = ""
    """What stands before each candidate in the answer, as `Place.lead`."""
    superseded: Position | None = None
    """Where the request before it was made, if that one was still unanswered."""
    begun: float = field(default_factory=perf_counter)
    """Seconds, on the clock of `perf_counter`."""
    allowed: bool = False
    """Whether the editor has told what may be read."""
    source: Source = Source.ENGINE
    outcome: Outcome | None = None
    fate: Fate = Fate.WAITING
    shown: tuple[Candidate, ...] = ()
    milliseconds: float = 0.0
    """From the request to its answer."""

    def end(self, fate: Fate, shown: Sequence[Candidate] = ()) -> None:
        """Note how the request ended, and what it is answered with."""
        self.fate, self.shown = fate, tuple(shown)
        self.milliseconds = (perf_counter() - self.begun) * 1e3


class Traces:
    """The last request of each document; nothing of a document that is not read."""

    def __init__(self) -> None:
        self._last: dict[str, Trace] = {}

    def begin(self, uri: str, trace: Trace) -> Trace:
        """Keep the trace of a request that has just come."""
        before = self._last.get(uri)
        if before is not None and before.fate is Fate.WAITING:
            trace.superseded = before.position
        self._last[uri] = trace
        return trace

    def turn_away(self, uri: str, trace: Trace) -> None:
        """Keep the trace of a request that asked nobody, unless it hides one that did.

        Editors ask for the menu too wherever they ask for ghost text.
        """
        before = self._last.get(uri)
        if before is None or (
            before.fate is not Fate.WAITING and before.position != trace.position
        ):
            self._last[uri] = trace

    def last(self, uri: str) -> Trace | None:
        """The trace of a document's last request."""
        return self._last.get(uri)

    def clear(self) -> None:
        """What may be read has changed."""
        self._last.clear()

    def forget(self, uri: str) -> None:
        """A document was closed, or may not be read any more."""
        self._last.pop(uri, None)


def probability(candidate: Candidate) -> float:
    """That all of a candidate's text is right, as the model sees it."""
    return exp(sum(candidate.logprobs))
