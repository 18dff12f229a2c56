"""What the project's counts say about the next token, by length of context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Match lengths in tokens that are told apart."""
LONGEST = LADDER[-1]
MOST_LOOKED_AT = 256
"""Places of one match length that are looked at; where there are more, every n-th of them."""
SEPARATOR = 0xFFFF
"""Stands between texts; no token has this id."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What followed the last `length` tokens of a context, wherever they stand."""

    length: int
    total: int
    """Number of matches. Exact up to MOST_LOOKED_AT, or if no text is excluded; otherwise
    extrapolated from a sample."""
    counts: Mapping[int, int]
    """Token id to how often it followed, among the places looked at."""


Levels = Sequence[Sequence[Rung]]
"""Rungs of the other files and of the current one, each from the shortest on."""


class Recall(Protocol):
    """What is known of the open project, at one cursor."""

    def levels(self, context: Sequence[int]) -> Levels:
        """What followed the end of `context` (token ids) in the other files and the current one."""
        ...


def latest_first(context: Sequence[int]) -> list[int]:
    """The last LONGEST tokens, the last one first, up to the first that no text can hold."""
    ids = list(context[-LONGEST:])
    ids.reverse()
    for place, token in enumerate(ids):
        if not 0 <= token < SEPARATOR:
            return ids[:place]
    return ids
