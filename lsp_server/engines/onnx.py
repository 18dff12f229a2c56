"""The built-in engine: takes a prompt, gives the completion of a bundle's graph in onnxruntime."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsp_server.bundle import Bundle
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.engines.decoder import OnnxDecoder, describe_tensors, open_session
from lsp_server.engines.sampling import Sampler, make_sampler
from lsp_server.engines.vocabulary import Vocabulary, read_vocabulary
from lsp_server.engines.writer import CandidateWriter
from lsp_server.errors import EngineError
from lsp_server.manifest import REBUILD, TensorSpec, fault
from lsp_server.prompt import Prompt, Sentinel, load_tokenizer

PREFILL_TOKENS = 64
"""Tokens between two looks at `cancelled` while a prompt is read; larger chunks are no faster."""

NEVER_WRITTEN = np.array([sentinel for sentinel in Sentinel if sentinel is not Sentinel.END])


class OnnxEngine:
    """Completes prompts one after another, reading only what a prompt does not share with the last.

    Not for more than one thread at a time.
    """

    name = "onnx"

    def __init__(self, decoder: OnnxDecoder, vocabulary: Vocabulary) -> None:
        if decoder.vocabulary != len(vocabulary.pieces):
            raise EngineError(
                f"expected a tokenizer of {decoder.vocabulary} tokens, as the graph has, "
                f"found {len(vocabulary.pieces)}; {REBUILD}"
            )
        self.provider = decoder.provider
        """onnxruntime's name of what runs the graph."""
        self.last_prefill = 0
        """Tokens of the last prompt that had to be read."""
        self._decoder = decoder
        self._vocabulary = vocabulary
        self._cached: list[int] = []

    def complete(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        """One candidate, from the cursor on. Raises EngineError where the prompt leaves no room."""
        writer = CandidateWriter(limits, prompt.heal)
        logits_V = self._prefill(prompt.ids, cancelled)
        if logits_V is None:
            return [writer.finish(StopReason.CANCELLED)]
        return [writer.finish(self._decode(logits_V, writer, limits, cancelled))]

    def _prefill(self, ids: Sequence[int], cancelled: Event) -> NDArray[np.float32] | None:
        """Logits [V] after the prompt; None where it was cancelled before its end."""
        if not 0 < len(ids) <= self._decoder.context:
            raise EngineError(
                f"expected a prompt of 1 to {self._decoder.context} tokens, found {len(ids)}; "
                "lower the prompt's token budget"
            )
        start = min(shared_tokens(self._cached, ids), len(ids) - 1)
        self.last_prefill = len(ids) - start
        del self._cached[start:]
        logits_V = None
        while len(self._cached) < len(ids):
            if cancelled.is_set():
                return None
            logits_V = self._feed(ids[len(self._cached) :][:PREFILL_TOKENS])
        return logits_V

    def _decode(
        self,
        logits_V: NDArray[np.float32],
        writer: CandidateWriter,
        limits: Limits,
        cancelled: Event,
    ) -> StopReason:
        sampler = make_sampler(limits)
        room = min(limits.max_tokens, self._decoder.context - len(self._cached) + 1)
        for left in range(room, 0, -1):
            if cancelled.is_set():
                return StopReason.CANCELLED
            token, logprob = self._choose(logits_V, writer.healing, sampler)
            if token == Sentinel.END:
                return StopReason.END
            if reason := writer.add(self._vocabulary.pieces[token], logprob):
                return reason
            if left > 1:
                logits_V = self._feed([token])
        return StopReason.LENGTH

    def _choose(
        self, logits_V: NDArray[np.float32], healing: bytes, sampler: Sampler
    ) -> tuple[int, float]:
        """The next token and its log-probability among those that may come next."""
        if healing:
            allowed = self._vocabulary.beginning(healing)
            index, logprob = sampler.choose(logits_V[allowed])
            return int(allowed[index]), logprob
        logits_V[NEVER_WRITTEN] = -np.inf
        return sampler.choose(logits_V)

    def _feed(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Logits [V] after the cached tokens and `ids`, which are cached with them."""
        logits_TV = self._decoder.forward(ids, len(self._cached))
        self._cached.extend(ids)
        return logits_TV.reshape(-1)


def shared_tokens(left: Sequence[int], right: Sequence[int]) -> int:
    """Length of the longest start that both have."""
    pairs = enumerate(zip(left, right, strict=False))
    shorter = min(len(left), len(right))
    return next((at for at, (first, second) in pairs if first != second), shorter)


def open_engine(model: Path, tokenizer: Tokenizer, threads: int) -> OnnxEngine:
    """The engine for a graph that is not in a bundle yet."""
    return OnnxEngine(OnnxDecoder(open_session(model, threads)), read_vocabulary(tokenizer))


def create(bundle: Bundle | None, threads: int) -> OnnxEngine:
    """Entry point of the group `lory.engines`.

    Raises EngineError without a bundle, BundleError where the graph's tensors are not those that
    the manifest states.
    """
    if bundle is None:
        raise EngineError("engine onnx: expected a bundle, found none; set the bundle's folder")
    session = open_session(bundle.model_path, threads)
    needs = bundle.manifest.engine
    check_tensors(bundle, needs.inputs, describe_tensors(session.get_inputs()))
    check_tensors(bundle, needs.outputs, describe_tensors(session.get_outputs()))
    decoder = OnnxDecoder(session)
    stated = (bundle.manifest.context, bundle.manifest.vocabulary)
    found = (decoder.context, decoder.vocabulary)
    if stated != found:
        raise fault(f"bundle {bundle.folder}, context and vocabulary", stated, found, REBUILD)
    return OnnxEngine(decoder, read_vocabulary(load_tokenizer(bundle.tokenizer_path)))


def check_tensors(
    bundle: Bundle, stated: Sequence[TensorSpec], found: Sequence[TensorSpec]
) -> None:
    """Raise BundleError unless the graph has just the tensors that the manifest states."""
    for expected, actual in zip_longest(stated, found):
        if expected != actual:
            name = (expected or actual).name
            raise fault(f"bundle {bundle.folder}, tensor {name}", expected, actual, REBUILD)
