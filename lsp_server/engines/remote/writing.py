"""One completion by a service: its tokens as they come, judged as the local engine judges its own.

Where the project makes another of the likeliest tokens likelier than the one that was written, the
service is asked to go on from there. Alternatives turn off where another token was likeliest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from threading import Event as Flag

from lsp_server.contract.prompt import Parts, settled
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.engines.decoding.completion import likeliest_branches
from lsp_server.engines.decoding.writer import CandidateWriter
from lsp_server.engines.remote.interfaces import INTERFACES, is_model
from lsp_server.engines.remote.options import RemoteOptions
from lsp_server.engines.remote.project_say import ProjectSay
from lsp_server.engines.remote.service import Ask, Event, Piece, ServiceFault, TimeUp
from lsp_server.engines.remote.templates import ENDS
from lsp_server.engines.remote.wire import Wire

MOST_TURNS = 2
"""Of one completion, where the project prefers another token: each is another question."""
CHARACTERS_PER_TOKEN = 3
SUFFIX_SHARE = 0.25
HOP_SHARE = 0.25
"""Of what is read: by such steps the start of a prefix moves that is too long."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A token that was written, and the likeliest that might have been instead."""

    text: str
    logprob: float
    other: str = ""
    other_logprob: float = -inf
    rated: bool = True


@dataclass(slots=True)
class Attempt:
    """One candidate in the making."""

    writer: CandidateWriter
    path: list[Choice] = field(default_factory=list)
    turns: int = 0

    @property
    def written(self) -> str:
        """The service's text so far, healed or not."""
        return "".join(choice.text for choice in self.path)


class Writing:
    """Completes one prompt."""

    def __init__(
        self, wire: Wire, options: RemoteOptions, parts: Parts, say: ProjectSay | None
    ) -> None:
        self._wire = wire
        self._options = options
        self._interface = INTERFACES[options.api](options)
        self._parts = parts
        self._say = say

    def write(self, limits: Limits, cancelled: Flag) -> list[Candidate]:
        """The candidate, then as many others as `limits` ask for; ServiceFault without any."""
        first = Attempt(CandidateWriter(limits))
        found = [self._attempt(first, (), limits, cancelled)]
        for at in likeliest_turns(first.path, limits.alternatives - 1):
            if cancelled.is_set():
                break
            turn = first.path[at]
            begun = [*first.path[:at], Choice(turn.other, turn.other_logprob)]
            other = Attempt(CandidateWriter(limits), turns=MOST_TURNS)
            found.append(self._attempt(other, begun, limits, cancelled))
        return found

    def _attempt(
        self, attempt: Attempt, begun: Sequence[Choice], limits: Limits, cancelled: Flag
    ) -> Candidate:
        reason = next(filter(None, (add(attempt, choice) for choice in begun)), None)
        while reason is None:
            try:
                reason = self._ask(attempt, limits, cancelled)
            except TimeUp:
                if not attempt.path:
                    raise
                reason = StopReason.LENGTH
        candidate = attempt.writer.finish(reason)
        return replace(candidate, rated=all(choice.rated for choice in attempt.path))

    def _ask(self, attempt: Attempt, limits: Limits, cancelled: Flag) -> StopReason | None:
        """Go on until the candidate ends; None where the service is to be asked anew."""
        ask = make_ask(self._parts, attempt.written, len(attempt.path), self._options, limits)
        for message in self._wire.ask(*self._interface.request(ask), cancelled):
            event = self._interface.read(message)
            self._check_model(event)
            for piece in event.pieces:
                if piece.text in ENDS:
                    return StopReason.END
                choice = self._choose(piece, ask, attempt)
                if reason := add(attempt, choice):
                    return reason
                if len(attempt.path) >= limits.max_tokens:
                    return StopReason.LENGTH
                if choice.text != piece.text:
                    attempt.turns += 1
                    return None
            if event.ended:
                return StopReason.END
        return StopReason.CANCELLED if cancelled.is_set() else StopReason.LENGTH

    def _check_model(self, event: Event) -> None:
        wanted = self._options.model
        if wanted and event.model and not is_model(wanted, event.model):
            raise ServiceFault(f"an answer by the model {event.model!r:.60}, not {wanted!r}")

    def _choose(self, piece: Piece, ask: Ask, attempt: Attempt) -> Choice:
        """The service's token, or one that the project makes likelier."""
        if piece.logprob is None:
            return Choice(piece.text, 0.0, rated=False)
        tops = dict(piece.tops) | {piece.text: piece.logprob}
        before = self._parts.prefix + attempt.written
        rated = sorted(
            ((self._rate(before, text, tops), text) for text in tops if text and text not in ENDS),
            reverse=True,
        )
        best = next(item for item in rated if item[1] == piece.text)
        if attempt.turns < MOST_TURNS and rated[0][0] > best[0]:
            best = rated[0]
        other = next((item for item in rated if item is not best), (-inf, ""))
        return Choice(best[1], best[0], other[1], other[0])

    def _rate(self, before: str, text: str, tops: dict[str, float]) -> float:
        if self._say is None:
            return tops[text]
        return self._say.rate(before, text, tops[text], max(tops.values()))


def add(attempt: Attempt, choice: Choice) -> StopReason | None:
    """Write a token; a reason once the candidate is finished."""
    piece = choice.text.encode(errors="replace")
    if not attempt.writer.fits(piece):
        return StopReason.RULE
    attempt.path.append(choice)
    return attempt.writer.add(piece, choice.logprob)


def likeliest_turns(path: Sequence[Choice], most: int) -> list[int]:
    """Places of a path where another text is known, the likeliest first."""
    known = {at for at, choice in enumerate(path) if choice.other}
    return [at for at in likeliest_branches(path, len(path)) if at in known][: max(most, 0)]


def make_ask(
    parts: Parts, written: str, tokens: int, options: RemoteOptions, limits: Limits
) -> Ask:
    """What is sent: as much of the texts as the service's model reads."""
    room = max(options.context - limits.max_tokens, options.context // 2) * CHARACTERS_PER_TOKEN
    suffix = parts.suffix if options.api == "lory" else settled(parts.suffix)
    related = "".join(parts.related)
    prefix = cut_start((related and f"{related}\n") + parts.prefix, int(room * (1 - SUFFIX_SHARE)))
    return Ask(
        prefix=prefix + written,
        suffix=suffix[: int(room * SUFFIX_SHARE)],
        path=parts.path,
        max_tokens=max(limits.max_tokens - tokens, 1),
        min_probability=limits.min_probability,
    )


def cut_start(text: str, most: int) -> str:
    """The end of a text, from a line's start on, which moves by hops while the text grows."""
    if len(text) <= most:
        return text
    hop = max(int(most * HOP_SHARE), 1)
    start = -(-(len(text) - most) // hop) * hop
    return text[text.find("\n", start) + 1 :] if "\n" in text[start:] else text[start:]
