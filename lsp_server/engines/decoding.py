"""One completion being written: takes logits after a prompt, gives candidates token by token.

A step feeds the chosen token together with a draft of what may follow it, copied from the open
project. The model gives the logits after each of them; as long as the token chosen there is the
drafted one, it costs no step of its own. What is written is what one token a step would write.

Shapes: T positions whose logits are known, V vocabulary.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from threading import Event

import numpy as np
from numpy.typing import NDArray

from lsp_server.counters import EngineCounters
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.engines.mixture import mix
from lsp_server.engines.prompt_cache import PromptCache
from lsp_server.engines.sampling import Vector, make_sampler, softmax
from lsp_server.engines.vocabulary import Vocabulary
from lsp_server.engines.writer import CandidateWriter
from lsp_server.project.rungs import LONGEST
from lsp_server.prompt import Prompt, Sentinel

SENTINEL_IDS = frozenset(int(sentinel) for sentinel in Sentinel)
SMALLEST = 1e-30
"""Stands for a probability that float32 cannot tell from 0."""

NEVER_WRITTEN = np.array([sentinel for sentinel in Sentinel if sentinel is not Sentinel.END])


@dataclass(frozen=True, slots=True)
class Choice:
    """A token that was written, and the likeliest that might have been written instead."""

    token: int
    logprob: float
    other: int
    other_logprob: float


class Decoding:
    """Completes one prompt, which the cache's active slot has just read."""

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
        self._text_start = start_of_text(prompt.ids)

    def write(self, logits_TV: NDArray[np.float32], cancelled: Event) -> list[Candidate]:
        """The candidate, then as many others as `limits` ask for, the likeliest branch first."""
        writer, path = CandidateWriter(self._limits, self._prompt.heal), list[Choice]()
        candidates = [writer.finish(self._go_on(logits_TV, writer, path, cancelled))]
        for at in likeliest_branches(path, self._limits.alternatives - 1):
            if cancelled.is_set():
                break
            candidates.append(self._write_branch(path, at, cancelled))
        return candidates

    def _write_branch(self, path: Sequence[Choice], at: int, cancelled: Event) -> Candidate:
        """The candidate that takes the other token at a place of an earlier one's path."""
        turn = path[at]
        taken = [*path[:at], Choice(turn.other, turn.other_logprob, turn.token, turn.logprob)]
        writer = CandidateWriter(self._limits, self._prompt.heal)
        for choice in taken:
            if reason := self._add(writer, choice):
                return writer.finish(reason)
        self._cache.rewind(len(self._prompt.ids))
        if len(taken) > self._cache.room:
            return writer.finish(StopReason.LENGTH)
        logits_TV = self._feed([choice.token for choice in taken], 1)
        return writer.finish(self._go_on(logits_TV, writer, taken, cancelled))

    def _go_on(
        self,
        logits_TV: NDArray[np.float32],
        writer: CandidateWriter,
        path: list[Choice],
        cancelled: Event,
    ) -> StopReason:
        """Write tokens until a limit; `path` records them. Logits are those after the last one."""
        drafted: tuple[int, ...] = ()
        while True:
            unused = len(drafted)
            for logits_V, draft in zip(logits_TV, (*drafted, None), strict=True):
                if cancelled.is_set():
                    return StopReason.CANCELLED
                choice = self._choose(logits_V, writer.healing, len(self._cache.ids) - unused)
                path.append(choice)
                if reason := self._add(writer, choice):
                    return reason
                if choice.token != draft:
                    break
                unused -= 1
                self._counters.accepted += 1
            self._cache.rewind(len(self._cache.ids) - unused)
            room = min(self._limits.max_tokens - len(path), self._cache.room)
            if room <= 0:
                return StopReason.LENGTH
            drafted = self._draft(choice.token, room - 1) if not writer.healing else ()
            logits_TV = self._feed([choice.token, *drafted], len(drafted) + 1)

    def _add(self, writer: CandidateWriter, choice: Choice) -> StopReason | None:
        self._counters.tokens += 1
        if choice.token == Sentinel.END:
            return StopReason.END
        return writer.add(self._vocabulary.pieces[choice.token], choice.logprob)

    def _feed(self, ids: Sequence[int], wanted: int) -> NDArray[np.float32]:
        self._counters.steps += 1
        return self._cache.feed(ids, wanted)

    def _choose(self, logits_V: Vector, healing: bytes, end: int) -> Choice:
        """The next token after the first `end` cached ones, among those that may come next."""
        logits_V[NEVER_WRITTEN] = -np.inf
        probabilities_V = softmax(logits_V)
        if self._prompt.recall is not None and self._limits.mixture is not None:
            levels = self._prompt.recall.levels(self._context(end))
            mix(probabilities_V, levels, self._limits.mixture)
        if not healing:
            return self._pick(probabilities_V)
        allowed = self._vocabulary.beginning(healing)
        among = self._pick(restrict(probabilities_V, allowed, logits_V))
        return replace(among, token=int(allowed[among.token]), other=int(allowed[among.other]))

    def _pick(self, probabilities_V: Vector) -> Choice:
        """The sampler's token and the likeliest other; the array is used up."""
        token, logprob = self._sampler.choose(probabilities_V)
        probabilities_V[token] = 0
        other = int(probabilities_V.argmax())
        return Choice(token, logprob, other, math.log(max(float(probabilities_V[other]), SMALLEST)))

    def _draft(self, token: int, most: int) -> tuple[int, ...]:
        """What may follow `token`, which follows the cached ones."""
        most = min(most, self._limits.drafted)
        if self._prompt.recall is None or most <= 0:
            return ()
        context = [*self._context(len(self._cache.ids)), token]
        draft = self._prompt.recall.following(context, most)
        self._counters.drafted += len(draft)
        return draft

    def _context(self, end: int) -> list[int]:
        """The latest tokens of text before position `end`."""
        return self._cache.ids[max(self._text_start, end - LONGEST) : end]


def restrict(probabilities_V: Vector, allowed: NDArray[np.int64], logits_V: Vector) -> Vector:
    """Probabilities among `allowed` tokens; from the logits where float32 knows none of them."""
    among_V: Vector = probabilities_V[allowed]
    total = among_V.sum()
    return among_V / total if total > SMALLEST else softmax(logits_V[allowed])


def start_of_text(ids: Sequence[int]) -> int:
    """Where the text that ends a prompt begins: behind its last sentinel."""
    return next((at + 1 for at in range(len(ids) - 1, -1, -1) if ids[at] in SENTINEL_IDS), 0)


def likeliest_branches(path: Sequence[Choice], most: int) -> list[int]:
    """Places of a path where another token was likeliest, given all before it."""
    before = accumulate((choice.logprob for choice in path), initial=0.0)
    odds = [total + choice.other_logprob for total, choice in zip(before, path, strict=False)]
    return sorted(range(len(path)), key=lambda at: -odds[at])[: max(most, 0)]
