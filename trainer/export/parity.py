"""The parity gate: proves that a graph computes what PyTorch computes.

Shapes: T steps, V vocabulary.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsp_server.contract.intervals import ratio_interval, sums_of, wilson
from lsp_server.engines.decoder import OnnxDecoder
from trainer.runtime.progress import watch
from trainer.tasks.intervals import RESAMPLES
from trainer.tasks.line_completion import LineMatch

PREFILL_TOKENS = 128

TIE_GAP = 1e-4
"""Logits nearer to each other than this are a tie: float32 sums in another order may swap them."""


LARGEST_DEVIATION = 1e-4
"""Of a float graph's logits from the model's, in standard deviations of the model's. Right graphs
of every architecture stay under 3e-5; a wrong epsilon, scale or activation, which leaves nearly all
greedy tokens in place, gives several 1e-4 and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GreedyParity:
    """PyTorch beside the fp32 graph."""

    prompts: int
    steps: int
    """All prompts' together."""
    mismatches: int
    """Steps at which the graph chose another token than PyTorch, ties left out."""
    ties: int
    """Steps at which it did, with PyTorch's logits for both within TIE_GAP."""
    tie_gap: float
    largest_difference: float
    """Of any two logits that should be equal."""
    deviation: float
    """The same in standard deviations of PyTorch's logits, prompt by prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedParity:
    """A quantized graph beside the fp32 one, over the same cursors."""

    cursors: int
    exact_match_fp32: float
    """Percent of cursors whose line was completed exactly."""
    exact_match: float
    lost_points: float
    """The first less the second; negative where the quantized graph is ahead."""
    lost_low: float
    lost_high: float
    """Bounds of its 95 % interval: paired, over whole documents. The gate asks for the upper one to
    be within the tolerance, so that it lets a graph that loses as much pass one time in twenty. Of
    1,000 cursors with 3 in a hundred completed by one graph alone, and a tolerance of 2 points, it
    refuses a graph that loses nothing one time in twenty as well."""
    same_text: float
    """Percent of cursors at which both wrote the same text."""


def compare_greedy(
    model: Any, decoder: OnnxDecoder, prompts: Sequence[Sequence[int]], steps: int
) -> GreedyParity:
    """Let the graph write `steps` tokens after each prompt, and ask PyTorch for the same ones.

    PyTorch reads prompt and continuation at once, without a cache. Where its most probable token is
    the graph's at every step, its own greedy continuation is the graph's too.
    """
    mismatches = ties = total = 0
    largest = deviation = 0.0
    for prompt in watch(prompts, "parity", len(prompts)):
        written, logits_TV = continue_greedily(decoder, prompt, steps)
        reference_TV = reference_logits(model, prompt, written)
        gaps_T = choice_gaps(reference_TV, written)
        ties += int(((gaps_T > 0) & (gaps_T < TIE_GAP)).sum())
        mismatches += int((gaps_T >= TIE_GAP).sum())
        total += len(written)
        difference = float(np.abs(logits_TV - reference_TV).max())
        largest = max(largest, difference)
        deviation = max(deviation, difference / float(reference_TV.std()))
    return GreedyParity(
        prompts=len(prompts),
        steps=total,
        mismatches=mismatches,
        ties=ties,
        tie_gap=TIE_GAP,
        largest_difference=largest,
        deviation=deviation,
    )


def choice_gaps(logits_TV: NDArray[np.float32], chosen: Sequence[int]) -> NDArray[np.float32]:
    """At each step, by how much the most probable token's logit exceeds the chosen one's."""
    chosen_T = np.take_along_axis(logits_TV, np.array(chosen)[:, None], axis=1)[:, 0]
    gaps_T: NDArray[np.float32] = logits_TV.max(axis=1) - chosen_T
    return gaps_T


def continue_greedily(
    decoder: OnnxDecoder, prompt: Sequence[int], steps: int
) -> tuple[list[int], NDArray[np.float32]]:
    """The graph's `steps` tokens after `prompt` and the logits that chose each."""
    for start in range(0, len(prompt), PREFILL_TOKENS):
        logits_V = decoder.forward(prompt[start : start + PREFILL_TOKENS], start)[-1]
    rows = [logits_V.copy()]
    written = [int(logits_V.argmax())]
    while len(written) < steps:
        logits_V = decoder.forward(written[-1:], len(prompt) + len(written) - 1)[-1]
        rows.append(logits_V.copy())
        written.append(int(logits_V.argmax()))
    return written, np.stack(rows)


def reference_logits(
    model: Any, prompt: Sequence[int], written: Sequence[int]
) -> NDArray[np.float32]:
    """PyTorch's logits [T, V] for each of the `written` tokens, in float32."""
    import torch

    ids = torch.tensor([[*prompt, *written[:-1]]])
    with torch.inference_mode():
        logits_BTV = model(input_ids=ids, use_cache=False, logits_to_keep=len(written)).logits
    logits_TV: NDArray[np.float32] = logits_BTV[0].float().numpy()
    return logits_TV


def compare_quantized(
    reference: Sequence[LineMatch], quantized: Sequence[LineMatch], documents: Sequence[Hashable]
) -> QuantizedParity:
    """Completions of both graphs at the same cursors; `documents` says where each cursor stands."""
    pairs = list(zip(reference, quantized, strict=True))
    exact_fp32 = percent([match.exact for match in reference])
    exact = percent([match.exact for match in quantized])
    low, high = lost_interval(reference, quantized, documents)
    return QuantizedParity(
        cursors=len(pairs),
        exact_match_fp32=exact_fp32,
        exact_match=exact,
        lost_points=exact_fp32 - exact,
        lost_low=low,
        lost_high=high,
        same_text=percent([left.text == right.text for left, right in pairs]),
    )


def lost_interval(
    reference: Sequence[LineMatch], quantized: Sequence[LineMatch], documents: Sequence[Hashable]
) -> tuple[float, float]:
    """Bounds, in points, of the 95 % interval of exact matches lost, documents drawn whole.

    Where both graphs are right at the same cursors the bootstrap has nothing to vary: the bounds
    are then Wilson's of a share of 0, with a trial a document.
    """
    terms = [
        sums_of(
            (place, float(match.exact), 1.0) for place, match in zip(documents, side, strict=True)
        )
        for side in (reference, quantized)
    ]
    found = ratio_interval(terms, [1.0, -1.0], resamples=RESAMPLES, seed=0)
    alike = all(a.exact == b.exact for a, b in zip(reference, quantized, strict=True))
    if found is None or alike or len(terms[0]) == 1:
        most = 100 * wilson(0.0, len(terms[0]))[1]
        return -most, most
    return 100 * found[1], 100 * found[2]


def percent(holds: Sequence[bool]) -> float:
    """Share of true values, in percent."""
    return 100 * sum(holds) / len(holds)
