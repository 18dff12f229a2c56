"""The current file as evidence: takes its text around the cursor, gives what followed a context.

A file is short enough to be scanned: no index has to follow its edits, so what it says is what
stands there now. What the user deleted is gone, and the cursor's own place does not count.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lsp_server.project.rungs import LADDER, Rung

LOOKED_AT = 256
"""Places per rung; of more, an even sample is taken."""

Places = NDArray[np.int64]

BORDER = 0
"""Between two texts: the id of `<|file|>`, which no text has."""


class CurrentFile:
    """The tokens before and after the cursor."""

    def __init__(self, before: Sequence[int], after: Sequence[int]) -> None:
        self._ids_N = np.array([BORDER, *after, BORDER, *before], np.int32)
        self._latest = len(self._ids_N) - len(before)

    def rungs(self, context: Sequence[int]) -> tuple[Rung, ...]:
        """One rung for each length at which the end of `context` stands before another token."""
        found: list[Rung] = []
        places = self._places(context, 1)
        length = 1
        for wanted in LADDER:
            while places.size and length < wanted:
                length += 1
                places = self._keep(places, context, length)
            if not places.size:
                break
            found.append(self._rung(wanted, places))
        return tuple(found)

    def following(self, context: Sequence[int], most: int) -> tuple[int, ...]:
        """Up to `most` tokens after the latest place with the longest match; () where none is."""
        places, length = self._places(context, 1), 1
        while places.size > 1 and length < LADDER[-1]:
            length += 1
            closer = self._keep(places, context, length)
            if not closer.size:
                break
            places = closer
        if not places.size:
            return ()
        ids = self._ids_N[places[-1] : places[-1] + most].tolist()
        return tuple(ids[: ids.index(BORDER)] if BORDER in ids else ids)

    def _places(self, context: Sequence[int], length: int) -> Places:
        """Positions after the last token of `context`."""
        if not context:
            return np.empty(0, np.int64)
        places = np.flatnonzero(self._ids_N[:-1] == context[-length]) + 1
        kept: Places = places[self._ids_N[places] != BORDER]
        return kept

    def _keep(self, places: Places, context: Sequence[int], length: int) -> Places:
        """Of positions after `length - 1` matching tokens, those where one more matches."""
        if length > len(context):
            return places[:0]
        kept: Places = places[self._ids_N[places - length] == context[-length]]
        return kept

    def _rung(self, length: int, places: Places) -> Rung:
        total = places.size
        if total > LOOKED_AT:
            places = places[np.linspace(0, total - 1, LOOKED_AT).astype(np.int64)]
        return Rung(length, total, Counter(self._ids_N[places].tolist()))
