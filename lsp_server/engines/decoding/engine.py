"""What engines share that write by Lory's own decoding: a prompt cache and a vocabulary."""

from collections.abc import Sequence
from threading import Event
from time import perf_counter

from lsp_server.contract.prompt import Ids, Prompt, Sentinel
from lsp_server.engines import Candidate, Limits
from lsp_server.engines.counters import EngineCounters
from lsp_server.engines.decoding.completion import Decoding
from lsp_server.engines.decoding.prediction import Predictor
from lsp_server.engines.decoding.scoring import Scoring
from lsp_server.engines.prompt_cache import FEW_TOKENS, PREFILL_TOKENS, Decoder, PromptCache
from lsp_server.engines.vocabulary import Vocabulary

STEP = 0.08
"""Seconds that a key waits at most until reading ahead has ended."""


class DecodingEngine:
    """Completes prompts one after another, reading only what a prompt does not share with the last.

    Not for more than one thread at a time.
    """

    def __init__(self, decoder: Decoder, vocabulary: Vocabulary, slots: int) -> None:
        self.counters = EngineCounters()
        """What has been read and written since the start."""
        self._vocabulary = vocabulary
        self._step = PREFILL_TOKENS
        """Tokens between two looks at whether reading ahead is to end."""
        self._cache = PromptCache(decoder, slots)

    def forget(self) -> None:
        """Keep nothing of earlier prompts."""
        self._cache.forget()

    def complete(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        """Candidates from the cursor on, at least one."""
        decoding = Decoding(self._cache, self._vocabulary, self.counters, prompt, limits)
        return decoding.write(cancelled)

    def unread(self, prompt: Prompt) -> int:
        """Tokens of a prompt that are not cached."""
        return self._cache.unread(prompt.ids, prompt.owner)

    def read(self, prompt: Prompt, cancelled: Event) -> None:
        """Read a prompt, or as much of it as there is time for until it is cancelled."""
        self._cache.read(prompt.ids, prompt.owner, cancelled, self._step)

    def pace(self) -> float:
        """Tokens of a prompt that are read in a second, measured now; keeps nothing of prompts."""
        never, ids = Event(), [int(Sentinel.FILE)] * (PREFILL_TOKENS + 1)
        for _ in range(2):  # the first call is slower
            self._cache.forget()
            begun = perf_counter()
            self._cache.read(ids, "", never, PREFILL_TOKENS)
            found = PREFILL_TOKENS / (perf_counter() - begun)
        self._cache.forget()
        self._step = min(PREFILL_TOKENS, max(FEW_TOKENS, int(found * STEP)))
        return found

    def score(
        self, prompt: Prompt, texts: Sequence[Ids], limits: Limits, cancelled: Event
    ) -> list[float] | None:
        """Natural logarithms of the probabilities of texts; None where that was cancelled."""
        self._cache.activate(prompt.ids, prompt.owner)
        scoring = Scoring(self._cache, Predictor(prompt, limits, self._vocabulary), prompt.ids)
        scores = [scoring.score(ids, cancelled) for ids in texts]
        known = [score for score in scores if score is not None]
        return known if len(known) == len(scores) else None
