"""Random access to a split: takes a folder of documents, gives path and text of any of them.

The texts go once into a scratch file that is then memory-mapped, so that every epoch can draw its
own order of all documents while memory stays bounded.
"""

import mmap
from pathlib import Path

from trainer.document import read_canonical


class TextStore:
    """The documents of one folder, numbered as read; a context that removes its file in the end."""

    def __init__(self, documents: Path, scratch: Path) -> None:
        self._scratch = scratch
        self._bounds: list[tuple[int, int, int]] = []
        with scratch.open("wb") as file:
            start = 0
            for document in read_canonical(documents):
                path, text = document.path.encode(), document.text.encode()
                file.write(path + text)
                self._bounds.append((start, start + len(path), start + len(path) + len(text)))
                start = self._bounds[-1][2]
        self._file = scratch.open("rb")
        self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) if start else b""

    def __len__(self) -> int:
        return len(self._bounds)

    def path(self, number: int) -> str:
        """Path of document `number` inside its repository."""
        start, end, _ = self._bounds[number]
        return self._bytes[start:end].decode()

    def text(self, number: int) -> str:
        """Text of document `number`."""
        _, start, end = self._bounds[number]
        return self._bytes[start:end].decode()

    def __enter__(self) -> "TextStore":
        return self

    def __exit__(self, *_exception: object) -> None:
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()
        self._file.close()
        self._scratch.unlink()
