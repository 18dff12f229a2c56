"""Proves that an imported graph is the model it came from: by logits, not by greedy tokens alone.

A wrong scale, epsilon or activation leaves nearly every most probable token in place, so the gate
bounds logits: a right float graph differs from the reference by millionths of their deviation.

Shapes: T positions, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsp_server.engines.decoder import OnnxDecoder
from trainer.errors import ImportModelError
from trainer.export.importing.reference.logits import reference_logits
from trainer.export.parity import LARGEST_DEVIATION

LARGEST_DIVERGENCE = 0.02
"""Of a quantized graph: mean Kullback-Leibler divergence of the reference's predictions, in nats.
8 bits in blocks give a quarter of it on real weights, 4 bits ten times as much."""

POSITIONS = 32
"""That are compared at once: those of a large vocabulary take much memory."""

Logits = NDArray[np.floating[Any]]
Reference = Callable[[Sequence[int]], Logits]
"""Logits [T, V] of a prompt, both in the numbering of the graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """A graph beside its reference."""

    prompts: int
    tokens: int
    deviation: float
    """The largest difference of any two logits, in standard deviations of the reference's."""
    divergence: float
    """Mean over all positions, in nats."""
    agreement: float
    """Share of positions with the same most probable token."""


def compare(
    decoder: OnnxDecoder,
    reference: Sequence[Logits],
    prompts: Sequence[Sequence[int]],
    known: NDArray[np.int64],
) -> Parity:
    """The graph's logits of the ids `known` beside the reference's, which are of those alone."""
    deviations, divergences, agreements = [], [], []
    for whole_TV, prompt in zip(reference, prompts, strict=True):
        logits_TV = decoder.forward(prompt, 0, len(prompt))
        spread = float(whole_TV.std(dtype=np.float64))
        for at in range(0, len(prompt), POSITIONS):
            found_TV = logits_TV[at : at + POSITIONS, known].astype(np.float64)
            expected_TV = whole_TV[at : at + POSITIONS].astype(np.float64)
            deviations.append(float(np.abs(found_TV - expected_TV).max() / spread))
            divergences.append(divergence(expected_TV, found_TV))
            agreements.append(expected_TV.argmax(-1) == found_TV.argmax(-1))
    return Parity(
        prompts=len(prompts),
        tokens=sum(map(len, prompts)),
        deviation=max(deviations),
        divergence=float(np.concatenate(divergences).mean()),
        agreement=float(np.concatenate(agreements).mean()),
    )


def divergence(expected_TV: Logits, found_TV: Logits) -> Logits:
    """Kullback-Leibler divergence at each position, in nats."""
    expected, found = log_softmax(expected_TV), log_softmax(found_TV)
    summed: Logits = (np.exp(expected) * (expected - found)).sum(-1)
    return summed


def log_softmax(logits_TV: Logits) -> Logits:
    """Natural logarithms of the probabilities."""
    shifted = logits_TV - logits_TV.max(-1, keepdims=True)
    logs: Logits = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return logs


def check_float(parity: Parity) -> None:
    """Raise ImportModelError where a float graph is not the model."""
    if not parity.deviation <= LARGEST_DEVIATION:
        raise ImportModelError(
            f"expected the graph's logits within {LARGEST_DEVIATION:g} deviations of the "
            f"reference's, found {parity.deviation:.2g} over {parity.tokens} tokens; "
            "the import does not fit this model: report it"
        )


def check_quantized(parity: Parity, precision: str) -> None:
    """Raise ImportModelError where rounding has cost too much."""
    if not parity.divergence <= LARGEST_DIVERGENCE:
        raise ImportModelError(
            f"expected the {precision} graph to diverge by at most {LARGEST_DIVERGENCE:g} nats, "
            f"found {parity.divergence:.2g} ({parity.agreement:.1%} of its first choices are the "
            "model's); choose another --precision, such as int8_blocks"
        )


def find_reference(config: Mapping[str, Any], tensors: Mapping[str, Any]) -> tuple[str, Reference]:
    """What the graph is compared with, and its name: transformers where it is installed."""
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        return "float64 reference", lambda ids: reference_logits(config, tensors, ids)
    return "transformers", transformers_reference(config, tensors)


def transformers_reference(config: Mapping[str, Any], tensors: Mapping[str, Any]) -> Reference:
    """Logits of transformers' own class of the architecture."""
    import torch

    model = transformers_model(config, tensors)

    def logits(ids: Sequence[int]) -> Logits:
        with torch.inference_mode():
            found: Logits = model(input_ids=torch.tensor([list(ids)])).logits[0].double().numpy()
        return found

    return logits


def transformers_model(config: Mapping[str, Any], tensors: Mapping[str, Any]) -> Any:
    """transformers' own class of the architecture, given the checkpoint's tensors, in float32."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = AutoConfig.for_model(**dict(config))
    model = AutoModelForCausalLM.from_config(settings, attn_implementation="eager")
    wanted = model.state_dict()
    for name, place in wanted.items():
        other = name.replace("lm_head", "embed_out").removeprefix("transformer.")
        source = name if name in tensors else other
        if source in tensors:
            place.copy_(torch.from_numpy(np.array(tensors[source])))
        elif not name.startswith("lm_head"):
            raise ImportModelError(f"expected a tensor {name}, found none; it is incomplete")
    model.tie_weights()
    return model.float().eval()
