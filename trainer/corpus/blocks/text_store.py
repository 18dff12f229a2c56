"""Random access to the documents of a split.

The texts go once into a scratch file that is then memory-mapped, and their bounds into another, so
that every epoch can draw its own order of all documents while memory stays bounded.
"""

import mmap
from pathlib import Path

import numpy as np

from trainer.corpus.document import read_canonical

BOUNDS = np.dtype("<i8")


class TextStore:
    """The documents of one folder, numbered as read; a context that removes its files."""

    def __init__(self, documents: Path, scratch: Path) -> None:
        self._scratch, self._places = scratch, scratch.with_name(f"{scratch.name}.bounds")
        self._count = 0
        with scratch.open("wb") as file, self._places.open("wb") as places:
            start = 0
            for document in read_canonical(documents):
                path, text = document.path.encode(), document.text.encode()
                file.write(path + text)
                bounds = (start, start + len(path), start + len(path) + len(text))
                places.write(np.array(bounds, BOUNDS).tobytes())
                start = bounds[-1]
                self._count += 1
        self._file = scratch.open("rb")
        self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if start else b""
        self._bounds = (
            np.memmap(self._places, BOUNDS, mode="r").reshape(-1, 3)
            if self._count
            else np.empty((0, 3), BOUNDS)
        )

    def __len__(self) -> int:
        return self._count

    def path(self, number: int) -> str:
        """Path of document `number` inside its repository."""
        start, end, _ = self._bounds[number].tolist()
        return self._bytes[start:end].decode()

    def text(self, number: int) -> str:
        """Text of document `number`."""
        _, start, end = self._bounds[number].tolist()
        return self._bytes[start:end].decode()

    def __enter__(self) -> "TextStore":
        return self

    def __exit__(self, *_exception: object) -> None:
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()
        self._file.close()
        del self._bounds
        self._scratch.unlink()
        self._places.unlink()
