"""Measures a reward model on held-out pairs and labels."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from trainer.alignment.preferences.pairs import Label, Preference
from trainer.alignment.preferences.stage import correlation
from trainer.tasks.intervals import share_figure

BINS = 10
"""Of the calibration error, equally wide from 0.5 to 1."""

LENGTH_BINS = (-math.inf, -32, -8, -2, 3, 9, 33, math.inf)
"""Bounds of the difference in characters, chosen less rejected; the lower one belongs to a bin."""


def sigmoid(number: float) -> float:
    """1 / (1 + exp(-number)), without overflow."""
    return 0.5 * (1 + math.tanh(number / 2))


def log_loss(margin: float) -> float:
    """Nats of surprise at an outcome that `sigmoid(margin)` foresaw: ln(1 + exp(-margin))."""
    return max(0.0, -margin) + math.log1p(math.exp(-abs(margin)))


def calibration_error(probabilities: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Expected calibration error (Naeini et al. 2015): how far confidence lies from the truth.

    A probability below a half is the confidence that the outcome is the other one. Mean over
    bins of |share that came true - mean confidence|, weighted by how many fall into each.
    """
    bins = calibration_bins(probabilities, outcomes)
    gaps = (part["n"] * abs(part["came_true"] - part["confidence"]) for part in bins)
    return sum(gaps) / len(probabilities)


def calibration_bins(
    probabilities: Sequence[float], outcomes: Sequence[bool]
) -> list[dict[str, float]]:
    """Mean confidence, share that came true and number of each bin that is not empty."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for probability, outcome in zip(probabilities, outcomes, strict=True):
        sure = max(probability, 1 - probability)
        came_true = outcome if probability >= 0.5 else not outcome
        bins[min(BINS - 1, int((sure - 0.5) * 2 * BINS))].append((sure, came_true))
    return [
        {
            "confidence": sum(sure for sure, _ in part) / len(part),
            "came_true": sum(true for _, true in part) / len(part),
            "n": len(part),
        }
        for part in bins
        if part
    ]


def describe_pairs(pairs: Sequence[Preference], margins: Sequence[float]) -> dict[str, Any]:
    """Figures of held-out pairs; `margins` are scores of the chosen less those of the rejected."""
    right = [margin > 0 for margin in margins]
    groups = [pair.group for pair in pairs]
    sources = dict.fromkeys(pair.source for pair in pairs)
    return {
        "accuracy": asdict(share_figure(right, groups)),
        "accuracy_by_source": {
            source: part_accuracy(right, groups, [pair.source == source for pair in pairs])
            for source in sources
        },
        "accuracy_by_length_difference": by_length(pairs, right, groups),
        "accuracy_of_longer": sum(len(p.chosen) > len(p.rejected) for p in pairs) / len(pairs),
        "calibration_error": calibration_error([sigmoid(m) for m in margins], [True] * len(pairs)),
        "calibration": calibration_bins([sigmoid(m) for m in margins], [True] * len(pairs)),
        "loss": sum(map(log_loss, margins)) / len(pairs),
        "mean_margin": sum(margins) / len(pairs),
    }


def by_length(
    pairs: Sequence[Preference], right: Sequence[bool], groups: Sequence[str]
) -> list[dict[str, Any]]:
    """Accuracy where the chosen text is about so many characters longer than the rejected one."""
    differences = [len(pair.chosen) - len(pair.rejected) for pair in pairs]
    rows = []
    for low, high in zip(LENGTH_BINS, LENGTH_BINS[1:], strict=False):
        chosen = [low <= difference < high for difference in differences]
        if any(chosen):
            bounds = [None if math.isinf(bound) else bound for bound in (low, high - 1)]
            rows.append({"from_to": bounds, **part_accuracy(right, groups, chosen)})
    return rows


def part_accuracy(
    right: Sequence[bool], groups: Sequence[str], chosen: Sequence[bool]
) -> dict[str, Any]:
    """Accuracy over the pairs that are chosen, with its interval."""
    part = [(ok, group) for ok, group, taken in zip(right, groups, chosen, strict=True) if taken]
    return asdict(share_figure([ok for ok, _ in part], [group for _, group in part]))


def describe_classes(labels: Sequence[Label], scores: Sequence[float]) -> dict[str, Any]:
    """Figures of held-out texts whose labels are 0 and 1; a score above 0 says 1."""
    positive = [label.label == 1 for label in labels]
    right = [(score > 0) is is_one for score, is_one in zip(scores, positive, strict=True)]
    signed = [s if is_one else -s for s, is_one in zip(scores, positive, strict=True)]
    return {
        "accuracy": asdict(share_figure(right, [label.group for label in labels])),
        "calibration_error": calibration_error([sigmoid(score) for score in scores], positive),
        "calibration": calibration_bins([sigmoid(score) for score in scores], positive),
        "loss": sum(map(log_loss, signed)) / len(labels),
    }


def describe_numbers(labels: Sequence[Label], scores: Sequence[float]) -> dict[str, Any]:
    """Figures of held-out texts whose labels are any numbers.

    Accuracy is that of pairs: how often, of two neighbours with different labels, the one with the
    higher label has the higher score.
    """
    values = [label.label for label in labels]
    pairs = [
        (labels[at].group, (scores[at] > scores[at + 1]) is (values[at] > values[at + 1]))
        for at in range(len(labels) - 1)
        if values[at] != values[at + 1]
    ]
    accuracy = share_figure([ok for _, ok in pairs], [group for group, _ in pairs])
    squares = [(score - value) ** 2 for score, value in zip(scores, values, strict=True)]
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values)
    return {
        "accuracy": asdict(accuracy),
        "correlation": correlation(scores, values),
        "explained_variance": 1 - sum(squares) / spread if spread else 0.0,
        "loss": sum(squares) / len(labels),
    }
