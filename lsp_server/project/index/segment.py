"""An immutable part of the index: a sorted token stream of many files.

The texts stand in one stream, each read backwards, so that what stands before a place begins there
and a longer context is a longer prefix. The places are sorted by it: those of a context are
neighbours, and within them those of every longer one. Five bytes a token.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lsp_server.contract.recall import LADDER, LONGEST, SEPARATOR
from lsp_server.project.index.suffix_order import sort_places

MOST_TOKENS = 1 << 24
"""Of one segment: a place has 24 bits."""


Spans = Mapping[int, range]
"""Match length to neighbours in a segment's order: the places of a context's last tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Texts that do not change. Build one with `build_segment`."""

    stream: bytes
    """Token ids, big-endian 16 bits: separator, text backwards, separator, and so on."""
    low: bytes
    """The sorted places' lower 16 bits, in the machine's order."""
    high: bytes
    """Their upper 8 bits."""
    buckets: bytes
    """For each token id the index of the first place before which it stands, 32 bits each, up to
    and with the one after the largest id."""
    starts: npt.NDArray[np.uint32]
    """Each text's first place, shape [texts]."""
    digests: npt.NDArray[np.uint64]
    """Each text's digest, shape [texts]."""
    _ids: npt.NDArray[np.uint16] = field(init=False)
    _low: npt.NDArray[np.uint16] = field(init=False)
    _high: npt.NDArray[np.uint8] = field(init=False)
    _low_items: memoryview = field(init=False)
    _bucket_items: memoryview = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ids", np.frombuffer(self.stream, ">u2"))
        object.__setattr__(self, "_low", np.frombuffer(self.low, np.uint16))
        object.__setattr__(self, "_high", np.frombuffer(self.high, np.uint8))
        object.__setattr__(self, "_low_items", memoryview(self.low).cast("H"))
        object.__setattr__(self, "_bucket_items", memoryview(self.buckets).cast("I"))

    @property
    def tokens(self) -> int:
        """Size of the stream, separators included."""
        return len(self._ids)

    def find(self, latest: Sequence[int]) -> Spans:
        """Where a context stands here, for each of the ladder's lengths at which it does.

        `latest` holds the context's ids, the last one first, none of them the separator.
        """
        first, last = self._bucket(latest)
        if first == last:
            return {}
        key = np.array(latest[:LONGEST], ">u2").tobytes()
        middle = bisect_left(range(last), key, first, key=self._reader(len(key)))
        shared = max(self._shared(place, key) for place in (middle - 1, middle))
        spans = {}
        low = high = middle
        for length in reversed(LADDER):
            if length == 1:
                spans[length] = range(first, last)
            elif length <= shared:
                low = self._edge(key[: 2 * length], low, first, -1)
                high = self._edge(key[: 2 * length], high - 1, last - 1, 1) + 1
                spans[length] = range(low, high)
        return spans

    def _bucket(self, latest: Sequence[int]) -> tuple[int, int]:
        """The neighbours that begin with a context's last token."""
        if not latest or latest[0] + 1 >= len(self._bucket_items):
            return 0, 0
        return self._bucket_items[latest[0]], self._bucket_items[latest[0] + 1]

    def _edge(self, key: bytes, inside: int, end: int, direction: int) -> int:
        """The last index from `inside` towards `end` up to which all places begin with a key.

        Ever longer strides, then ever shorter ones: most spans grow little from length to length.
        """
        stream, lower, upper, size = self.stream, self._low_items, self.high, len(key)
        stride, growing = 1, True
        while stride:
            index = inside + stride * direction
            if (end - index) * direction >= 0:
                start = (lower[index] | upper[index] << 16) << 1
                if stream[start : start + size] == key:
                    inside = index
                    stride = stride << 1 if growing else stride >> 1
                    continue
            growing = False
            stride >>= 1
        return inside

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
    counts = np.bincount(stream[text_holds])
    buckets = np.zeros(len(counts) + 1, np.uint32)
    np.cumsum(counts, out=buckets[1:])
    return Segment(
        stream=stream.astype(">u2").tobytes(),
        low=(order & 0xFFFF).astype(np.uint16).tobytes(),
        high=(order >> 16).astype(np.uint8).tobytes(),
        buckets=buckets.tobytes(),
        starts=np.array(starts, np.uint32),
        digests=np.array(digests, np.uint64),
    )
