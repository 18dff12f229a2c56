"""Finds near-duplicates by MinHash.

MinHash signatures over shingles of words, by datasketch, in the bands of its LSH; what shares a
band counts where the signatures' estimate of the Jaccard similarity reaches the threshold (Broder,
1997). Signatures and bands of the texts kept so far lie on disk.
"""

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Shingles = NDArray[np.uint64]
    Signature = NDArray[np.uint32]

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
    """Signatures of the texts kept so far, in a database that is nobody else's."""

    def __init__(
        self, jaccard: float, permutations: int, shingle_words: int, scratch: sqlite3.Connection
    ) -> None:
        from datasketch import MinHash, MinHashLSH

        self.jaccard = jaccard
        self.shingle_words = shingle_words
        self._empty = MinHash(num_perm=permutations, hashfunc=int)
        index: Any = MinHashLSH(threshold=jaccard, num_perm=permutations)
        self._bands, self._rows = index.b, index.r
        self._scratch, self._kept = scratch, 0
        scratch.execute("CREATE TABLE signatures (key INTEGER PRIMARY KEY, hashes BLOB)")
        scratch.execute(
            "CREATE TABLE bands (band INTEGER, key INTEGER, PRIMARY KEY (band, key)) WITHOUT ROWID"
        )

    def seen(self, text: str) -> bool:
        """Whether a kept text is at least `jaccard` like `text`; where none is, `text` is kept.

        A text too short for one shingle is never like another.
        """
        import numpy as np

        shingles = shingle_hashes(text, self.shingle_words)
        if not len(shingles):
            return False
        minhash: Any = self._empty.copy()
        minhash.update_batch(shingles.tolist())
        signature = minhash.hashvalues.astype(np.uint32)
        bands = [self._number(band, part) for band, part in enumerate(self._parts(signature))]
        if any(self._alike(signature, other) for other in self._proposed(bands)):
            return True
        self._keep(signature, bands)
        return False

    def _parts(self, signature: "Signature") -> "list[Signature]":
        """What each band has of a signature."""
        whole = signature[: self._bands * self._rows]
        return list(whole.reshape(self._bands, self._rows))

    def _number(self, band: int, part: "Signature") -> int:
        """A band's number in the table: a hash, in SQLite's range, of place and values."""
        digest = hashlib.blake2b(part.tobytes(), digest_size=8, person=str(band).encode())
        return int.from_bytes(digest.digest(), "big", signed=True)

    def _proposed(self, bands: list[int]) -> "Iterator[Signature]":
        """Signatures that share a band."""
        import numpy as np

        keys: set[int] = set()
        for band in bands:
            for (key,) in self._scratch.execute("SELECT key FROM bands WHERE band = ?", (band,)):
                keys.add(key)
        for key in keys:
            query = "SELECT hashes FROM signatures WHERE key = ?"
            (hashes,) = self._scratch.execute(query, (key,)).fetchone()
            yield np.frombuffer(hashes, np.uint32)

    def _alike(self, left: "Signature", right: "Signature") -> bool:
        """Whether two signatures share a band, hashes of bands aside, and enough of all places."""
        same = left == right
        shared = same[: self._bands * self._rows].reshape(self._bands, self._rows).all(axis=1).any()
        return bool(shared) and float(same.mean()) >= self.jaccard

    def _keep(self, signature: "Signature", bands: list[int]) -> None:
        key, self._kept = self._kept, self._kept + 1
        self._scratch.execute("INSERT INTO signatures VALUES (?, ?)", (key, signature.tobytes()))
        rows = [(band, key) for band in dict.fromkeys(bands)]
        self._scratch.executemany("INSERT INTO bands VALUES (?, ?)", rows)
