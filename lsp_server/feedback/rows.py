"""The records of feedback: what was offered, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from lsp_server.documents.text_edits import Point
from lsp_server.engines import Candidate


class Trigger(StrEnum):
    """What made the editor ask."""

    TYPED = "typed"
    INVOKED = "invoked"
    """A person asked for ghost text."""
    MENU = "menu"
    """The completion menu."""


class Acceptance(StrEnum):
    """What the user did with a suggestion."""

    WHOLE = "whole"
    """Accepted to its end, in one step or several."""
    LINE = "line"
    """A part was accepted, a line at last."""
    WORD = "word"
    """A part was accepted, a word at last."""
    TYPED = "typed"
    """Nothing was accepted, and at least half was typed by the user."""
    IGNORED = "ignored"
    """Nothing was accepted, and less than half was typed. No rejection: it may not have been seen.
    """


class Ending(StrEnum):
    """Why a suggestion was no longer on show."""

    COMPLETE = "complete"
    """All of it is in the document."""
    DIVERGED = "diverged"
    """Something else was typed there."""
    REPLACED = "replaced"
    """Another suggestion took its place."""
    OTHER = "other"
    """Another suggestion of the same answer was accepted."""
    MOVED = "moved"
    """The user went on elsewhere in the document."""
    CLOSED = "closed"
    """The document was closed, or may not be read any more."""
    STOPPED = "stopped"
    """The server ended."""
    OPEN = "open"
    """It is still on show, with a part accepted."""


class Fate(StrEnum):
    """What became of accepted text while it was followed."""

    KEPT = "kept"
    EDITED = "edited"
    UNDONE = "undone"
    """All of it was taken out again."""


class Settled(StrEnum):
    """When accepted text was compared with what stood there."""

    ON_TIME = "on time"
    """30 seconds after it was accepted."""
    CLOSED = "closed"
    """Earlier: the document was closed."""
    STOPPED = "stopped"
    """Earlier: the server ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptText:
    """What the suggestion was made from, kept only with the setting `feedback_text`."""

    path: str
    prefix: str
    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An answer that the editor could show."""

    uri: str
    language: str
    start: Point
    end: Point
    """What the answer replaces."""
    lead: str
    """What stands before each candidate in its place: the word of the menu, or none."""
    candidates: tuple[Candidate, ...]
    """Best first: that is the one on show. None where the answer was empty."""
    trigger: Trigger
    latency_ms: float
    """From the request to the answer, inside the server."""
    time: float
    """Seconds since 1970, UTC."""
    prompt_sha256: str
    """Of the prompt's token ids; "" where the engine was asked for another cursor."""
    model: str = ""
    """Name and version of the bundle, and the engine."""
    model_sha256: str = ""
    """Of the bundle's graph."""
    prompt: PromptText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One suggestion and what became of it; the columns of the database, in this order.

    A row comes once its outcome is known, and again, with the same `id`, when more is.
    """

    id: str
    """Of the session's offer and the rank in it."""
    time: float
    """When it was first offered: seconds since 1970, UTC."""
    session: str
    """One run of the server."""
    language: str
    model: str
    """Name and version of the bundle, and the engine."""
    model_sha256: str
    """Of the bundle's graph."""
    prompt_sha256: str
    """Of the prompt's token ids as 32-bit little-endian integers."""
    text: str
    """The suggestion, as it was offered last."""
    tokens: tuple[str, ...]
    """Its pieces; JSON in the database."""
    logprobs: tuple[float, ...]
    """Natural logarithm of each token's probability, given those before; JSON in the database."""
    rank: int
    """Place in the answer, from 0 on."""
    candidates: int
    """Suggestions in the answer."""
    shown: bool
    """Whether the editor had it on show: the first of ghost text, every one of a menu, and one
    that was accepted."""
    probability: float
    """Calibrated, that all of the text is right: what it was shown by. The propensity."""
    latency_ms: float
    trigger: Trigger
    outcome: Acceptance
    ending: Ending
    accepted_characters: int
    typed_characters: int
    """Typed by the user along the text, and not accepted."""
    retained_characters: int | None
    """Of those accepted, how many still stood there; None if nothing was, or not yet compared."""
    fate: Fate | None
    settled: Settled | None
    seconds: float
    """From the offer to the acceptance, or to the end of the suggestion."""
    path: str | None = None
    """In the workspace; like `prefix` and `suffix` only with the setting `feedback_text`."""
    prefix: str | None = None
    suffix: str | None = None
