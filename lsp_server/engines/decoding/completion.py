"""Decodes one completion token by token, with its alternatives.

Each step feeds the chosen token together with a draft of the tokens that may follow, copied from
the open project. The model returns logits after each of them. As long as the token chosen from the
logits is the drafted one, it needs no step of its own. The text does not depend on the drafts.

Shapes: T positions whose logits are known, V vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from threading import Event
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lsp_server.contract.prompt import Prompt, Sentinel
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.engines.counters import EngineCounters
from lsp_server.engines.decoding.prediction import Predictor
from lsp_server.engines.decoding.sampling import Vector, make_sampler, softmax
from lsp_server.engines.decoding.scoring import SMALLEST
from lsp_server.engines.decoding.speculation import Drafter
from lsp_server.engines.decoding.writer import CandidateWriter
from lsp_server.engines.prompt_cache import FEW_TOKENS, PromptCache
from lsp_server.engines.vocabulary import Vocabulary

MOST_REFUSED = 64
"""Tokens that may not fit before it is taken that none does."""


class Turn(Protocol):
    """A place where another token might have been written."""

    @property
    def logprob(self) -> float:
        """Of the token that was."""
        ...

    @property
    def other_logprob(self) -> float:
        """Of the likeliest other."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """A token that was written, and the likeliest that might have been written instead."""

    token: int
    logprob: float
    other: int
    other_logprob: float


NOTHING = Choice(Sentinel.END, 0.0, Sentinel.END, math.log(SMALLEST))
"""Stands for a token where none fits."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate in the making."""

    writer: CandidateWriter
    path: list[Choice] = field(default_factory=list)
    """What was chosen so far."""


class Decoding:
    """Completes one prompt."""

    def __init__(
        self,
        cache: PromptCache,
        vocabulary: Vocabulary,
        counters: EngineCounters,
        prompt: Prompt,
        limits: Limits,
    ) -> None:
        self._cache = cache
        self._vocabulary = vocabulary
        self._counters = counters
        self._prompt = prompt
        self._limits = limits
        self._sampler = make_sampler(limits)
        self._predictor = Predictor(prompt, limits, vocabulary)
        self._drafter: Drafter | None = None
        if prompt.recall is not None and limits.mixture is not None:
            self._drafter = Drafter(prompt.recall, limits.mixture, vocabulary.pieces)

    def write(self, cancelled: Event) -> list[Candidate]:
        """The candidate, then as many others as `limits` ask for, the likeliest branch first."""
        ids, attempt = self._prompt.ids, self._begin()
        unread = self._cache.activate(ids, self._prompt.owner)
        room = min(self._cache.decoder.context - len(ids), FEW_TOKENS - unread)
        drafted = self._draft(attempt, self._predictor.latest(ids, len(ids)), room)
        logits_TV = self._cache.prefill(ids, drafted, cancelled)
        self._counters.count_prompt(len(ids), self._cache.last_prefill)
        if logits_TV is None:
            return [attempt.writer.finish(StopReason.CANCELLED)]
        self._counters.steps += 1
        reason = self._go_on(attempt, logits_TV, drafted, cancelled)
        candidates = [attempt.writer.finish(reason)]
        for at in likeliest_branches(attempt.path, self._limits.alternatives - 1):
            if cancelled.is_set():
                break
            candidates.append(self._write_branch(attempt.path, at, cancelled))
        return candidates

    def _begin(self) -> Attempt:
        return Attempt(CandidateWriter(self._limits, self._prompt.heal))

    def _write_branch(self, path: Sequence[Choice], at: int, cancelled: Event) -> Candidate:
        """The candidate that takes the other token at a place of an earlier one's path."""
        turn, attempt = path[at], self._begin()
        taken = [*path[:at], Choice(turn.other, turn.other_logprob, turn.token, turn.logprob)]
        for choice in taken:
            if reason := self._add(attempt, choice):
                return attempt.writer.finish(reason)
        self._cache.rewind(len(self._prompt.ids))
        if len(taken) > self._cache.room:
            return attempt.writer.finish(StopReason.LENGTH)
        logits_TV = self._feed([choice.token for choice in taken], 1)
        return attempt.writer.finish(self._go_on(attempt, logits_TV, (), cancelled))

    def _go_on(
        self, attempt: Attempt, logits_TV: Vector, drafted: Sequence[int], cancelled: Event
    ) -> StopReason:
        """Write tokens until a limit; logits are those before and after each drafted token."""
        while True:
            unused = len(drafted)
            for logits_V, draft in zip(logits_TV, (*drafted, None), strict=True):
                if cancelled.is_set():
                    return StopReason.CANCELLED
                end = len(self._cache.ids) - unused
                choice = self._choose(logits_V, attempt.writer, end)
                if reason := self._add(attempt, choice):
                    return reason
                if choice.token != draft:
                    break
                unused -= 1
                self._counters.accepted += 1
            self._cache.rewind(len(self._cache.ids) - unused)
            room = min(self._limits.max_tokens - len(attempt.path), self._cache.room)
            if room <= 0:
                return StopReason.LENGTH
            ids = self._cache.ids
            context = [*self._predictor.latest(ids, len(ids)), choice.token]
            drafted = self._draft(attempt, context, room - 1)
            logits_TV = self._feed([choice.token, *drafted], len(drafted) + 1)

    def _add(self, attempt: Attempt, choice: Choice) -> StopReason | None:
        attempt.path.append(choice)
        self._counters.tokens += 1
        if choice.token == Sentinel.END:
            return StopReason.END
        return attempt.writer.add(self._vocabulary.pieces[choice.token], choice.logprob)

    def _feed(self, ids: Sequence[int], wanted: int) -> Vector:
        self._counters.steps += 1
        return self._cache.feed(ids, wanted)

    def _choose(self, logits_V: Vector, writer: CandidateWriter, end: int) -> Choice:
        """The next token after the first `end` cached ones, among those that may come next."""
        probabilities_V = self._predictor.probabilities(logits_V, self._cache.ids, end)
        if not writer.healing:
            return self._pick(probabilities_V, writer)
        allowed = self._vocabulary.beginning(writer.healing)
        return self._pick(restrict(probabilities_V, allowed, logits_V), writer, allowed)

    def _pick(
        self, probabilities_V: Vector, writer: CandidateWriter, ids: NDArray[np.int64] | None = None
    ) -> Choice:
        """The sampler's token and the likeliest other, of those that fit; the array is used up.

        `ids` are the tokens to choose from, where it is not all of them.
        """

        def fits(at: int) -> bool:
            token = at if ids is None else int(ids[at])
            return token == Sentinel.END or writer.fits(self._vocabulary.pieces[token])

        chosen, logprob = self._sampler.choose(probabilities_V)
        while not fits(chosen):
            if not refuse(probabilities_V, chosen, fits):
                return NOTHING
            chosen, logprob = self._sampler.choose(probabilities_V)
        probabilities_V[chosen] = 0
        other = int(probabilities_V.argmax())
        if not fits(other):
            refuse(probabilities_V, other, fits)
            other = int(probabilities_V.argmax())
        other_logprob = math.log(max(float(probabilities_V[other]), SMALLEST))
        if self._drafter is not None and self._limits.mixed:
            calibrate = self._drafter.weights.calibration.apply
            logprob, other_logprob = calibrate(logprob), calibrate(other_logprob)
        if ids is not None:
            chosen, other = int(ids[chosen]), int(ids[other])
        return Choice(chosen, logprob, other, other_logprob)

    def _draft(self, attempt: Attempt, context: Sequence[int], room: int) -> tuple[int, ...]:
        """What may follow `context` in one step."""
        most = min(room, self._limits.drafted)
        if self._drafter is None or most <= 0:
            return ()
        drafted = self._drafter.draft(context, attempt.writer.healing, most, attempt.writer.wants)
        self._counters.drafted += len(drafted)
        return drafted


def restrict(probabilities_V: Vector, allowed: NDArray[np.int64], logits_V: Vector) -> Vector:
    """Probabilities among `allowed` tokens; from the logits where float32 knows none of them."""
    among_V: Vector = probabilities_V[allowed]
    total = among_V.sum()
    return among_V / total if total > SMALLEST else softmax(logits_V[allowed])


def refuse(probabilities_V: Vector, first: int, fits: Callable[[int], bool]) -> bool:
    """Take out `first` and all that is likelier than what fits; whether anything is left that does.

    What is left takes over their probability.
    """
    at, whole = first, float(probabilities_V.sum())
    for _ in range(MOST_REFUSED):
        probabilities_V[at] = 0
        at = int(probabilities_V.argmax())
        if probabilities_V[at] <= SMALLEST:
            return False
        if fits(at):
            probabilities_V *= whole / float(probabilities_V.sum())
            return True
    return False


def likeliest_branches(path: Sequence[Turn], most: int) -> list[int]:
    """Places of a path where another token was likeliest, given all before it."""
    before = accumulate((choice.logprob for choice in path), initial=0.0)
    odds = [total + choice.other_logprob for total, choice in zip(before, path, strict=False)]
    return sorted(range(len(path)), key=lambda at: -odds[at])[: max(most, 0)]
