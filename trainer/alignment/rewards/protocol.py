"""The interface of rewards, plugins of the group `lory.rewards`.

An entry point is called once with the options of its RewardSpec and gives a Reward or a
BatchReward. `pool.py` asks them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Protocol, runtime_checkable

from lsp_server.engines import StopReason
from trainer.errors import RewardError
from trainer.runtime.plugins import PluginGroup

GROUP = PluginGroup("lory.rewards", "reward", RewardError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What was written at a cursor; `prefix + text + suffix` is the file with it in place."""

    path: str
    prefix: str
    text: str
    suffix: str
    """What follows the cursor in the file, where the truth is taken out."""
    truth: str = ""
    """What a person wrote there; "" where that is not known."""
    stop: StopReason = StopReason.RULE
    """Why it ended; LENGTH where it was cut off."""
    tests: str = ""
    """Code that raises, after the file with the text in place, unless the text is right; "" where
    there are no tests. Of a problem it is its `test` and the call of `check`."""


Reward = Callable[[Completion], float]
"""Pure: the same completion gives the same number. Asked in a worker process, one completion at a
time. What it raises, what is no finite number, and what takes too long make a counted skip."""


@runtime_checkable
class BatchReward(Protocol):
    """A reward that the trainer's own process asks for all completions of an iteration at once.

    For what needs a model, an accelerator or workers of its own. A value that is no finite number
    is a counted skip; an error is one for every completion. Nothing stops it when it hangs.
    """

    def score_all(self, completions: Sequence[Completion]) -> Sequence[float]:
        """A number for each completion, in order; unlike Reward it may use the others."""
        ...


@dataclass(frozen=True, slots=True)
class Skips:
    """Completions that one part gave no number for, for one reason."""

    part: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Scores:
    """What completions are worth, in their order."""

    totals: tuple[float | None, ...]
    """Weighted sums of the parts; None where a part failed, which is a counted skip."""
    values: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    """Each part of each completion, before its weight; None where it failed."""
    skips: tuple[Skips, ...] = ()
    """Why totals are missing, the most common first."""

    @property
    def parts(self) -> dict[str, float]:
        """Mean of each part over the completions that have it, if any."""
        found = {
            part: [value for value in row if value is not None] for part, row in self.values.items()
        }
        return {part: fmean(row) for part, row in found.items() if row}

    @property
    def mean(self) -> float:
        """Of the totals that there are; 0 without any."""
        found = [total for total in self.totals if total is not None]
        return sum(found) / len(found) if found else 0.0

    @property
    def skipped(self) -> int:
        """Completions without a score."""
        return sum(total is None for total in self.totals)
