"""The built-in engine, which runs a bundle's ONNX graph."""

import logging
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from threading import Event

from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.bundles.manifest import REBUILD, TensorSpec, fault
from lsp_server.contract.prompt import Prompt, load_tokenizer
from lsp_server.engines import Candidate, Limits
from lsp_server.engines.decoder import OnnxDecoder, describe_tensors, open_session
from lsp_server.engines.decoding.engine import DecodingEngine
from lsp_server.engines.devices import place
from lsp_server.engines.vocabulary import Vocabulary, read_vocabulary
from lsp_server.errors import EngineError
from lsp_server.settings import Device

log = logging.getLogger(__name__)

SLOTS = 4
"""Prompts whose key-value caches are kept: those of the last few documents."""


class OnnxEngine(DecodingEngine):
    """Completes by the graph."""

    name = "onnx"

    def __init__(self, decoder: OnnxDecoder, vocabulary: Vocabulary, slots: int = SLOTS) -> None:
        if decoder.vocabulary != len(vocabulary.pieces):
            raise EngineError(
                f"expected a tokenizer of {decoder.vocabulary} tokens, as the graph has, "
                f"found {len(vocabulary.pieces)}; {REBUILD}"
            )
        self.provider = decoder.provider
        """onnxruntime's name of what runs the graph."""
        super().__init__(decoder, vocabulary, slots)

    @property
    def last_prefill(self) -> int:
        """Tokens of the last prompt that had to be read."""
        return self._cache.last_prefill

    def complete(self, prompt: Prompt, limits: Limits, cancelled: Event) -> list[Candidate]:
        """Candidates from the cursor on, at least one.

        Raises EngineError where the prompt leaves no room.
        """
        context = self._cache.decoder.context
        if not 0 < len(prompt.ids) <= context:
            raise EngineError(
                f"expected a prompt of 1 to {context} tokens, found {len(prompt.ids)}; "
                "lower the prompt's token budget"
            )
        return super().complete(prompt, limits, cancelled)


def open_engine(model: Path, tokenizer: Tokenizer, threads: int) -> OnnxEngine:
    """The engine for a graph that is not in a bundle yet."""
    return OnnxEngine(OnnxDecoder(open_session(model, threads)), read_vocabulary(tokenizer))


def create(
    bundle: Bundle | None, threads: int, *, device: Device = Device.AUTO, slots: int = SLOTS
) -> OnnxEngine:
    """Entry point of the group `lory.engines`.

    `slots`: prompts whose key-value caches are kept.
    Raises EngineError without a bundle or what the device needs, BundleError where the graph's
    tensors are not those that the manifest states.
    """
    if bundle is None:
        raise EngineError("engine onnx: expected a bundle, found none; set the bundle's folder")
    placement = place(bundle.model_path, threads, device)
    if placement.missing:
        log.info("runs on the CPU; for a GPU is missing: %s", placement.missing)
    session = placement.session
    needs = bundle.manifest.engine
    check_tensors(bundle, needs.inputs, describe_tensors(session.get_inputs()))
    check_tensors(bundle, needs.outputs, describe_tensors(session.get_outputs()))
    decoder = OnnxDecoder(session, placement.memory)
    stated = (bundle.manifest.context, bundle.manifest.vocabulary)
    found = (decoder.context, decoder.vocabulary)
    if stated != found:
        raise fault(f"bundle {bundle.folder}, context and vocabulary", stated, found, REBUILD)
    return OnnxEngine(decoder, read_vocabulary(load_tokenizer(bundle.tokenizer_path)), slots)


def check_tensors(
    bundle: Bundle, stated: Sequence[TensorSpec], found: Sequence[TensorSpec]
) -> None:
    """Raise BundleError unless the graph has just the tensors that the manifest states."""
    for expected, actual in zip_longest(stated, found):
        if expected != actual:
            name = (expected or actual).name
            raise fault(f"bundle {bundle.folder}, tensor {name}", expected, actual, REBUILD)
