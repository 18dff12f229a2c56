"""Finds a context in the open documents, by comparing every position.

They change too often to be sorted, and are few: a million tokens are looked at in a millisecond.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from lsp_server.contract.recall import LADDER, LONGEST, SEPARATOR
from lsp_server.project.index.kept_ids import Ids

FEW = 32
"""Places that are compared at full length at once."""
UNLIKE_ANY = -1
"""Differs from every id."""

Places = npt.NDArray[np.int64]


class OpenTexts:
    """Some texts in a row, oldest first."""

    def __init__(self, texts: Iterable[Ids]) -> None:
        edge = np.array([SEPARATOR], np.uint16)
        parts = [part for ids in texts for part in (ids, edge)]
        self._ids: Ids = np.concatenate([np.full(LONGEST + 1, SEPARATOR, np.uint16), *parts])

    def find(self, latest: Sequence[int]) -> dict[int, Places]:
        """Each ladder's length at which a context stands here, the shortest first, and where.

        `latest` holds the context's ids, the last one first, none of them the separator. A place is
        that of the token that followed.
        """
        if not latest:
            return {}
        ids = self._ids
        places = np.flatnonzero(ids[:-1] == latest[0]) + 1
        places = places[ids[places] != SEPARATOR]
        found: dict[int, Places] = {}
        for length in range(1, len(latest) + 1):
            if length > 1:
                places = places[ids[places - length] == latest[length - 1]]
            if not len(places):
                return found
            if len(places) <= FEW:
                lengths = self.match_lengths(places, latest)
                longest = int(lengths.max())
                for step in LADDER:
                    if length <= step <= longest:
                        found[step] = places[lengths >= step]
                return found
            if length in LADDER:
                found[length] = places
        return found

    def followers(self, places: Places) -> Ids:
        """The token that followed at each place."""
        return self._ids[places]

    def match_lengths(self, places: Places, latest: Sequence[int]) -> Places:
        """How many of a context's tokens stand before what follows at each place."""
        windows = self._ids[places[:, None] - np.arange(1, len(latest) + 2)]
        differs = windows != np.array([*latest, UNLIKE_ANY], np.int32)
        lengths: Places = differs.argmax(axis=1)
        return lengths
