"""The interface of engines, which complete prompts on one worker thread."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lsp_server.contract.prompt import Ids, Prompt
from lsp_server.contract.stopping import StopRule
from lsp_server.engines.counters import EngineCounters

if TYPE_CHECKING:  # it brings numpy, and an editor waits for the answer to `initialize`
    from lsp_server.engines.mixture import MixtureWeights


class StopReason(StrEnum):
    """Why a candidate ended."""

    END = "end"
    """The model wrote its end token."""
    RULE = "rule"
    """A stop rule cut the text."""
    LENGTH = "length"
    """The token limit was reached."""
    UNLIKELY = "unlikely"
    """The text so far fell below the asked probability."""
    BROKEN = "broken"
    """The model wrote bytes that are no UTF-8."""
    CANCELLED = "cancelled"
    """The request was cancelled between two tokens."""
    COMPLETE = "complete"
    """The line is likelier as it stands."""


Fits = Callable[[str], bool]
"""Whether a completion may begin with this text; once it may not, more text is no cure."""


def fits_anywhere(text: str) -> bool:
    """Any text may be written."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one completion."""

    max_tokens: int = 64
    stop: StopRule
    fits: Fits = fits_anywhere
    """Tokens that make a text that does not fit are not written."""
    min_probability: float = 0.0
    """Decoding ends once the probability of all tokens so far falls below this."""
    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    seed: int = 0
    """Of the sampler; unused when greedy."""
    alternatives: int = 1
    """Candidates at most; those after the first take another token where that is likeliest."""
    drafted: int = 8
    """Tokens at most that are drafted from the prompt's recall and verified in one step."""
    mixture: "MixtureWeights | None" = None
    """How much the prompt's recall counts, for drafts and predictions; None leaves it unasked."""
    mixed: bool = True
    """Whether recall is mixed into the model's predictions; else it only gives drafts."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One completion, without the healed piece that stands before the cursor."""

    tokens: tuple[str, ...]
    """Text of each token, parallel to `logprobs`; "" where it only completes the healed piece."""
    logprobs: tuple[float, ...]
    """Natural logarithm of each token's probability, given the text typed so far."""
    stop: StopReason
    unlikely: "Candidate | None" = field(default=None, compare=False)
    """What it would have begun with, were that likely enough, where there is no text."""
    rated: bool = field(default=True, compare=False)
    """Whether `logprobs` are the model's; else nobody knows them, and they are 0."""

    @property
    def text(self) -> str:
        """What would be inserted at the cursor."""
        return "".join(self.tokens)


class Engine(Protocol):
    """Turns a prompt into candidates."""

    name: str

    def complete(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        """Best candidate first. Polls `cancelled` between tokens."""
        ...


@runtime_checkable
class TellsProvider(Protocol):
    """What an engine may have beyond `Engine`: the user is told what it runs on."""

    provider: str
    """Such as `CPUExecutionProvider`."""


@runtime_checkable
class TellsItself(Protocol):
    """What an engine may have beyond `Engine`: another model than the bundle's completes."""

    title: str
    """What completes now, for people; it may change with each completion."""
    label: str
    """A word or two of it for the editor's status bar."""


@runtime_checkable
class TellsPrefill(Protocol):
    """What an engine may have beyond `Engine`: a user who asks why is told what it had to read."""

    last_prefill: int
    """Tokens of the last prompt that were not cached."""


@runtime_checkable
class ReadsAhead(Protocol):
    """What an engine may have beyond `Engine`: it reads a prompt before it is asked for it."""

    def unread(self, prompt: Prompt) -> int:
        """Tokens of a prompt that are not cached."""
        ...

    def read(self, prompt: Prompt, cancelled: Event) -> None:
        """Read a prompt, or as much of it as there is time for until it is cancelled."""
        ...

    def pace(self) -> float:
        """Tokens of a prompt that are read in a second, measured now."""
        ...


@runtime_checkable
class Scores(Protocol):
    """What an engine may have beyond `Engine`: it tells how likely given texts are."""

    def score(
        self, prompt: Prompt, texts: Sequence[Ids], limits: Limits, cancelled: Event
    ) -> list[float] | None:
        """Natural logarithms of the probabilities of texts (token ids) after a prompt, which leave
        its healed piece in; None where it was cancelled."""
        ...


@runtime_checkable
class Counts(Protocol):
    """What an engine may have beyond `Engine`: it counts what it does."""

    counters: EngineCounters
