"""Compares an import's graphs with the model they came from, on code, before anything is kept."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lsp_server.contract.prompt import encode, load_tokenizer
from lsp_server.engines.decoder import OnnxDecoder, open_session
from trainer.export.importing.decoder.collected import only_layers
from trainer.export.importing.decoder.families import make_decoder
from trainer.export.importing.decoder.graph_file import write_graph
from trainer.export.importing.decoder.shape import Decoder
from trainer.export.importing.gate import (
    Logits,
    Parity,
    check_float,
    check_quantized,
    compare,
    find_reference,
)
from trainer.export.importing.renumbering import MEAN, Renumbered, with_rows
from trainer.export.importing.samples import proven_texts
from trainer.export.importing.sources.source import Source

if TYPE_CHECKING:
    from trainer.export.graph.builder import Precision

PROVEN_TOKENS = (16, 96, 256)
"""Lengths of the gate's prompts."""

WHOLE_PARAMETERS = 200_000_000
"""A model with more is proven on its first layers alone, as many as come to about this size."""


LARGEST_MAPPED = 200_000_000
"""Bytes of a graph's file; the weights of a larger one are mapped, not read into memory."""


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
    source: Source, renumbered: Renumbered, tokenizer: Path, precision: "Precision", context: int
) -> Proof:
    """Raises ImportModelError where a graph is not the model, or rounding has cost too much."""
    layers = proven_layers(source)
    config, tensors = only_layers(source.config, source.tensors, layers)
    decoder = with_rows(make_decoder(config, tensors, context), renumbered)
    expected = ask_reference(config, tensors, renumbered, tokenizer)
    exact = measure(decoder, "fp32", expected)
    check_float(exact)
    stored = exact if precision == "fp32" else measure(decoder, precision, expected)
    check_quantized(stored, precision)
    return Proof(reference=expected.reference, layers=layers, exact=exact, stored=stored)


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
        return compare(opened, expected.logits, expected.prompts, expected.known)
