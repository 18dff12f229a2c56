"""Decontamination: takes a text and files of window hashes, gives the share of windows listed.

A window is four consecutive lines of a text, stripped, lines under twelve characters left out,
joined by newlines. A file holds the sorted, distinct first eight bytes of the windows' MD5.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import CorpusError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

WINDOW_LINES = 4
SHORTEST_LINE = 12
"""Characters after stripping; shorter lines stand in too many programs to tell one."""
RECORD_BYTES = 8


def window_hashes(text: str) -> "Hashes":
    """Hash of every window of `text` in order; shape [windows], empty for a text of few lines."""
    import numpy as np

    stripped = (line.strip() for line in text.splitlines())
    lines = [line for line in stripped if len(line) >= SHORTEST_LINE]
    windows = (
        "\n".join(lines[start : start + WINDOW_LINES])
        for start in range(len(lines) - WINDOW_LINES + 1)
    )
    digests = b"".join(hashlib.md5(window.encode()).digest()[:RECORD_BYTES] for window in windows)
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def read_hashes(files: Iterable[Path]) -> "Hashes":
    """Sorted hashes of all files together; raises CorpusError for a file of another form."""
    import numpy as np

    parts = [np.empty(0, np.uint64)]
    for path in files:
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise CorpusError(
                f"dedup.decontamination: cannot read {path}: {exc.strerror}; correct the path"
            ) from exc
        hashes = np.frombuffer(data[: len(data) // RECORD_BYTES * RECORD_BYTES], ">u8")
        if len(data) % RECORD_BYTES or bool((hashes[1:] < hashes[:-1]).any()):
            raise CorpusError(
                f"decontamination: expected sorted {RECORD_BYTES}-byte records in {path}, found "
                f"{len(data)} bytes of another form; write it with write_hashes"
            )
        parts.append(hashes.astype(np.uint64))
    return np.unique(np.concatenate(parts))


def write_hashes(texts: Iterable[str], path: Path) -> None:
    """A file of the windows of `texts`."""
    import numpy as np

    hashes = np.unique(np.concatenate([np.empty(0, np.uint64), *map(window_hashes, texts)]))
    path.write_bytes(hashes.astype(">u8").tobytes())


def listed_share(text: str, hashes: "Hashes") -> float:
    """Share of the windows of `text` that stand in the sorted `hashes`; 0 without windows."""
    import numpy as np

    windows = window_hashes(text)
    if not len(windows) or not len(hashes):
        return 0.0
    places = np.minimum(np.searchsorted(hashes, windows), len(hashes) - 1)
    return float((hashes[places] == windows).mean())
