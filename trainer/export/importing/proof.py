"""Compares an import's graphs with the model they came from, on code, before anything is kept."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lsp_server.contract.prompt import encode, load_tokenizer
from lsp_server.engines.decoder import OnnxDecoder, open_session, return_freed_memory
from trainer.export.importing.decoder.collected import only_layers
from trainer.export.importing.decoder.families import make_decoder
from trainer.export.importing.decoder.graph_file import LARGEST_MAPPED, write_graph
from trainer.export.importing.decoder.shape import Decoder
from trainer.export.importing.decoder.smoothing import smooth
from trainer.export.importing.gate import (
    LARGEST_DIVERGENCE,
    Logits,
    Parity,
    check_float,
    check_quantized,
    compare,
    find_reference,
)
from trainer.export.importing.renumbering import MEAN, Renumbered, with_rows
from trainer.export.importing.samples import evened_texts, proven_texts
from trainer.export.importing.sources.source import Source

if TYPE_CHECKING:
    from trainer.export.graph.builder import Precision

PROVEN_TOKENS = (16, 96, 256)
"""Lengths of the gate's prompts."""

EVENED_TOKENS = 256
"""Of each text that tells which channels are large."""

WHOLE_PARAMETERS = 200_000_000
"""A model with more is proven on its first layers alone, as many as come to about this size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the gate has found."""

    reference: str
    """What the graphs were compared with."""
    layers: int
    """Of the model, that were compared."""
    exact: Parity
    """Of the float graph."""
    stored: Parity
    """Of the graph in the bundle's precision."""
    precision: "Precision"


@dataclass(frozen=True, slots=True)
class Expected:
    """Prompts and what the reference says after each of their tokens."""

    reference: str
    prompts: list[list[int]]
    """In the bundle's numbering."""
    logits: list[Logits]
    """Of the ids in `known` alone."""
    known: "np.ndarray[Any, np.dtype[np.int64]]"
    """Ids of the bundle that the model has a token for."""


def prove(
    source: Source,
    renumbered: Renumbered,
    tokenizer: Path,
    precisions: Sequence["Precision"],
    context: int,
) -> Proof:
    """The proof of the first of some precisions that costs little.

    Raises ImportModelError where a graph is not the model, or rounding costs too much in each.
    """
    layers = proven_layers(source)
    config, tensors = only_layers(source.config, source.tensors, layers)
    decoder = with_rows(make_decoder(config, tensors, context), renumbered)
    decoder = evened(decoder, precisions[0], tokenizer)
    expected = ask_reference(config, tensors, renumbered, tokenizer)
    exact = measure(decoder, "fp32", expected)
    check_float(exact)
    for precision in precisions:
        stored = exact if precision == "fp32" else measure(decoder, precision, expected)
        if stored.divergence <= LARGEST_DIVERGENCE:
            break
    check_quantized(stored, precision)
    return Proof(
        reference=expected.reference,
        layers=layers,
        exact=exact,
        stored=stored,
        precision=precision,
    )


def evened(decoder: Decoder, precision: "Precision", tokenizer: Path) -> Decoder:
    """The same function in a form that loses less where it is rounded, as it is where it is not."""
    if precision in ("fp32", "fp16"):
        return decoder
    library = load_tokenizer(tokenizer)
    return smooth(decoder, [encode(library, text)[:EVENED_TOKENS] for text in evened_texts()])


def proven_layers(source: Source) -> int:
    """How many layers are compared."""
    config = source.config
    layers = int(config.get("num_hidden_layers") or config.get("n_layer") or 0)
    hidden = int(config.get("hidden_size") or config.get("n_embd") or 0)
    inner = int(config.get("intermediate_size") or config.get("n_inner") or 4 * hidden)
    each = max(1, hidden * (4 * hidden + 3 * inner))
    table = hidden * int(config.get("vocab_size") or 0)
    return max(1, min(layers, (WHOLE_PARAMETERS - table) // each))


def ask_reference(
    config: Mapping[str, Any], tensors: Mapping[str, Any], renumbered: Renumbered, tokenizer: Path
) -> Expected:
    """The prompts, and what the model says of them."""
    library = load_tokenizer(tokenizer)
    rows = renumbered.rows
    known = np.flatnonzero(rows != MEAN)
    prompts = [
        encode(library, text)[:count]
        for text, count in zip(proven_texts(), PROVEN_TOKENS, strict=True)
    ]
    name, reference = find_reference(config, tensors)
    logits = [
        reference([int(rows[token]) for token in prompt])[:, rows[known]].astype(np.float32)
        for prompt in prompts
    ]
    return Expected(name, prompts, logits, known)


def measure(decoder: Decoder, precision: "Precision", expected: Expected) -> Parity:
    """One graph beside the reference."""
    with tempfile.TemporaryDirectory() as folder:
        model = write_graph(decoder, precision, Path(folder), largest=LARGEST_MAPPED)
        opened = OnnxDecoder(open_session(model, threads=2))
        parity = compare(opened, expected.logits, expected.prompts, expected.known)
        del opened
    return_freed_memory()
    return parity
