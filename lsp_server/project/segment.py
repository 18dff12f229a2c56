"""A frozen part of the project: takes the ids of texts, gives the places of a context among them.

The texts stand in one stream, each read backwards, so that what stands before a place begins there
and a longer context is a longer prefix. The places are sorted by it: those of a context are
neighbours, and within them those of every longer one. Five bytes a token.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lsp_server.project.ordering import sort_places
from lsp_server.project.rungs import LADDER, LONGEST, SEPARATOR

MOST_TOKENS = 1 << 24
"""Of one segment: a place has 24 bits."""


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbours in a segment's order: the places of a context's last `length` tokens."""

    length: int
    low: int
    high: int
    """One past the last."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Texts that do not change. Build one with `build_segment`."""

    stream: bytes
    """Token ids, big-endian 16 bits: separator, text backwards, separator, and so on."""
    low: bytes
    """The sorted places' lower 16 bits, in the machine's order."""
    high: bytes
    """Their upper 8 bits."""
    starts: npt.NDArray[np.uint32]
    """Each text's first place, shape [texts]."""
    digests: npt.NDArray[np.uint64]
    """Each text's digest, shape [texts]."""
    _ids: npt.NDArray[np.uint16] = field(init=False)
    _low: npt.NDArray[np.uint16] = field(init=False)
    _high: npt.NDArray[np.uint8] = field(init=False)
    _low_items: memoryview = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", np.frombuffer(self.stream, ">u2"))
        object.__setattr__(self, "_low", np.frombuffer(self.low, np.uint16))
        object.__setattr__(self, "_high", np.frombuffer(self.high, np.uint8))
        object.__setattr__(self, "_low_items", memoryview(self.low).cast("H"))

    @property
    def tokens(self) -> int:
        """Size of the stream, separators included."""
        return len(self._ids)

    def find(self, latest: Sequence[int]) -> list[Span]:
        """One span a ladder's length at which a context stands here, the shortest first.

        `latest` holds the context's ids, the last one first, none of them the separator.
        """
        key = np.array(latest[:LONGEST], ">u2").tobytes()
        count = len(self.high)
        if not key or not count:
            return []
        places = range(count)
        middle = bisect_left(places, key, key=self._reader(len(key)))
        shared = max(self._shared(place, key) for place in (middle - 1, middle))
        spans = []
        low, high = 0, count
        for length in LADDER:
            if length > shared:
                break
            part, reader = key[: 2 * length], self._reader(2 * length)
            low = bisect_left(places, part, low, middle, key=reader)
            high = bisect_right(places, part, middle, high, key=reader)
            spans.append(Span(length, low, high))
        return spans

    def places(self, indexes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Places in the stream of indexes into the order."""
        found = self._high[indexes].astype(np.int64)
        found <<= 16
        found |= self._low[indexes]
        return found

    def followers(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
        """The token that followed at each place."""
        return self._ids[places - 1]

    def texts(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The index of the text that each place lies in."""
        return np.searchsorted(self.starts, places, side="right") - 1

    def match_lengths(
        self, places: npt.NDArray[np.int64], latest: Sequence[int]
    ) -> npt.NDArray[np.int64]:
        """How many of a context's tokens stand before what follows at each place."""
        windows = self._ids[places[:, None] + np.arange(len(latest))]
        same = windows == np.array(latest, np.uint16)
        lengths: npt.NDArray[np.int64] = np.logical_and.accumulate(same, axis=1).sum(axis=1)
        return lengths

    def after(self, place: int, most: int) -> list[int]:
        """At most `most` tokens from what followed at a place on, to the end of its text."""
        ids: list[int] = self._ids[max(place - most, 0) : place][::-1].tolist()
        return ids[: ids.index(SEPARATOR)] if SEPARATOR in ids else ids

    def _reader(self, size: int) -> Callable[[int], bytes]:
        """Gives the first bytes of what stands before the place at an index."""
        stream, low, high = self.stream, self._low_items, self.high

        def read(index: int) -> bytes:
            start = (low[index] | high[index] << 16) << 1
            return stream[start : start + size]

        return read

    def _shared(self, index: int, key: bytes) -> int:
        """How many tokens of a key stand at an index; 0 for an index outside."""
        if not 0 <= index < len(self.high):
            return 0
        found = self._reader(len(key))(index)
        length = 0
        while length < len(key) and found[length : length + 2] == key[length : length + 2]:
            length += 2
        return length // 2


def build_segment(texts: Iterable[tuple[int, npt.NDArray[np.uint16]]]) -> Segment:
    """The segment of texts, each given by its digest and its ids; ValueError where too large."""
    digests, parts, starts = [], [np.array([SEPARATOR], np.uint16)], []
    size = 1
    for digest, ids in texts:
        digests.append(digest)
        starts.append(size)
        parts += [ids[::-1], np.array([SEPARATOR], np.uint16)]
        size += len(ids) + 1
    if size + LONGEST > MOST_TOKENS:
        raise ValueError(f"expected at most {MOST_TOKENS} tokens, found {size}; make two segments")
    stream = np.concatenate([*parts, np.full(LONGEST, SEPARATOR, np.uint16)])
    order = sort_places(stream, LONGEST)
    text_holds = stream != SEPARATOR
    text_holds[1:] &= stream[:-1] != SEPARATOR  # something must follow
    order = order[text_holds[order]]
    return Segment(
        stream=stream.astype(">u2").tobytes(),
        low=(order & 0xFFFF).astype(np.uint16).tobytes(),
        high=(order >> 16).astype(np.uint8).tobytes(),
        starts=np.array(starts, np.uint32),
        digests=np.array(digests, np.uint64),
    )
