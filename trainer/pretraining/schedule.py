"""Learning-rate schedules."""

import math
from typing import Literal

from trainer.errors import RecipeError

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
"""Units of a budget."""


def warmup(step: int, warmup_steps: int) -> float:
    """Factor of optimizer step `step` (from 0), rising linearly to 1 at step `warmup_steps` - 1."""
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0


def stable_decay(progress: float, decay_share: float) -> float:
    """1 until the last `decay_share` of the run, then linear to 0 at `progress` 1."""
    if progress >= 1:
        return 0.0
    return min(1.0, (1 - progress) / decay_share) if decay_share else 1.0


def cosine(progress: float) -> float:
    """Half a cosine from 1 at `progress` 0 to 0 at `progress` 1."""
    return 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def rate_factor(
    schedule: Literal["wsd", "cosine"],
    step: int,
    progress: float,
    warmup_steps: int,
    decay_share: float,
) -> float:
    """Factor on the peak rates: the lower of warm-up and the schedule's own curve."""
    curve = cosine(progress) if schedule == "cosine" else stable_decay(progress, decay_share)
    return min(warmup(step, warmup_steps), curve)


def run_progress(step: int, steps: int, elapsed: float, budget: float) -> float:
    """Share of the run that is behind before optimizer step `step`, at most 1.

    With a `budget` (seconds, 0 for none) the clock drives it and `steps` is only an upper bound, so
    that a schedule lands whichever of the two ends first.
    """
    by_time = elapsed / budget if budget else 0.0
    by_steps = step / steps if steps else 1.0
    return min(1.0, max(by_steps, by_time))


def parse_budget(text: str) -> float:
    """Seconds of a budget such as `90s`, `25m` or `1.5h`; 0 for an empty one.

    Raises RecipeError where the text is no positive number followed by s, m or h.
    """
    if not text:
        return 0.0
    try:
        seconds = float(text[:-1]) * SECONDS[text[-1]]
    except (ValueError, KeyError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise RecipeError(f"pretrain.budget: expected a time such as 90s, 25m or 2h, found {text}")
    return seconds
