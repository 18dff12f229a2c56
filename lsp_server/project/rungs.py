"""What a store of tokens answers: what followed the last tokens of a context elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

LADDER = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Lengths of context, in tokens, that a store is asked about."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What followed the last `length` tokens of a context, wherever they stand."""

    length: int
    total: int
    """How often those tokens stand in the store."""
    counts: Mapping[int, int]
    """Token -> how often it followed, among the places that were looked at: all of `total`, or an
    even sample of them."""


Levels = Sequence[Sequence[Rung]]
"""Rungs of the project and of the current file, each from the shortest on."""


class Recall(Protocol):
    """What is known of the open project, at one cursor."""

    def levels(self, context: Sequence[int]) -> Levels:
        """What followed the end of `context` (token ids) in the project and the current file."""
        ...

    def following(self, context: Sequence[int], most: int) -> tuple[int, ...]:
        """Up to `most` tokens after the place that matches the end of `context` best."""
        ...
