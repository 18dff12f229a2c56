"""What a service is asked and what it says, whichever interface it has; and how it can fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class ServiceFault(Exception):
    """The service does not do what it should; one line for people."""


class TimeUp(ServiceFault):
    """It takes longer than anybody waits; what it wrote until then stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One completion that is wanted."""

    prefix: str
    suffix: str
    path: str
    max_tokens: int
    min_probability: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A token as text."""

    text: str
    logprob: float | None = None
    """None where the service does not tell."""
    tops: tuple[tuple[str, float], ...] = ()
    """Texts and logarithms of the likeliest tokens, itself among them."""


@dataclass(frozen=True, slots=True)
class Event:
    """What one message of an answer says."""

    pieces: tuple[Piece, ...] = ()
    ended: bool = False
    """Whether the model wants to end there; not where its token limit was reached."""
    model: str = ""
    """Who answers; "" where it is not said."""


class Interface(Protocol):
    """One of the interfaces that services have."""

    def request(self, ask: Ask) -> tuple[str, dict[str, Any]]:
        """Path and body that ask for a completion, streamed."""
        ...

    def read(self, message: Any) -> Event:
        """What a message says; ServiceFault where it is none."""
        ...


def joined(pieces: Sequence[Piece]) -> str:
    """Their text."""
    return "".join(piece.text for piece in pieces)


def error_text(error: Any) -> str:
    """What an error says, on one line."""
    said = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(said).split())[:160]
