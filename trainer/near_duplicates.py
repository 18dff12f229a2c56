"""Near-duplicate search: takes texts one after the other, gives whether a like one came before.

MinHash signatures over shingles of words, looked up in datasketch's LSH; what it proposes counts
where the signatures' estimate of the Jaccard similarity reaches the threshold (Broder, 1997).
"""

import re
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Shingles = NDArray[np.uint64]

WORD = re.compile(r"\w+")
MULTIPLIER = 0x9E3779B97F4A7C15
"""Odd and near 2^64 over the golden ratio: spreads neighbouring hashes (Knuth, volume 3, 6.4)."""


def shingle_hashes(text: str, words: int) -> "Shingles":
    """Distinct 32-bit hashes of every run of `words` words of `text`, sorted."""
    import numpy as np

    codes = np.array([crc32(word.encode()) for word in WORD.findall(text)], dtype=np.uint64)
    count = len(codes) - words + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    mixed = np.zeros(count, np.uint64)
    for offset in range(words):
        mixed = (mixed ^ codes[offset : offset + count]) * np.uint64(MULTIPLIER)
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed >> np.uint64(32))


class NearDuplicates:
    """Signatures of the texts kept so far."""

    def __init__(self, jaccard: float, permutations: int, shingle_words: int) -> None:
        from datasketch import MinHash, MinHashLSH

        self.jaccard = jaccard
        self.shingle_words = shingle_words
        self._empty = MinHash(num_perm=permutations, hashfunc=int)
        self._index: Any = MinHashLSH(threshold=jaccard, num_perm=permutations)
        self._signatures: dict[int, Any] = {}

    def seen(self, text: str) -> bool:
        """Whether a kept text is at least `jaccard` like `text`; where none is, `text` is kept.

        A text too short for one shingle is never like another.
        """
        shingles = shingle_hashes(text, self.shingle_words)
        if not len(shingles):
            return False
        signature: Any = self._empty.copy()
        signature.update_batch(shingles.tolist())
        proposed = self._index.query(signature)
        if any(signature.jaccard(self._signatures[key]) >= self.jaccard for key in proposed):
            return True
        key = len(self._signatures)
        self._signatures[key] = signature
        self._index.insert(key, signature, check_duplication=False)
        return False
