"""Finds benchmark problems in a corpus.

A window is four consecutive lines of a text, stripped, lines under twelve characters left out,
joined by newlines. A problem that is too short for one is a single window of all its lines. Known
windows are the first eight bytes of their MD5. A file knows which problem each belongs to:

    python -m trainer.corpus.screening.decontamination FILE.jsonl.gz... --out decontamination.npz

An older form, the sorted distinct hashes alone, does not: there only windows can be counted.
"""

import argparse
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from trainer.corpus.screening.benchmark_texts import read_problems
from trainer.errors import CorpusError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

WINDOW_LINES = 4
SHORTEST_LINE = 12
"""Characters after stripping; shorter lines stand in too many programs to tell one."""
RECORD_BYTES = 8
SHORTEST_PROBLEM = 40
"""Characters of a problem of one line; a shorter one is told from nothing else."""

ARRAYS = ("hashes", "owners", "sizes", "openings", "lengths")
ZIP = b"PK"
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Found:
    """What a document holds of the known problems."""

    windows: int = 0
    """Most distinct windows of one problem, or of a file that knows no problems."""
    share: float = 0.0
    """Those as a share of all its windows."""
    problem_share: float = 0.0
    """The largest share of one problem's windows; 0 where problems are not known."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of problems."""

    hashes: "Hashes"
    """Sorted; a window stands here once for each problem that has it."""
    owners: "NDArray[np.int64]"
    """Problem of each; NOBODY for a window of an older file."""
    sizes: "NDArray[np.int64]"
    """Windows of each problem, the number in `owners`."""
    openings: "Hashes"
    """Sorted: first lines of the problems that are one window, ..."""
    lengths: "NDArray[np.int64]"
    """... and how many lines each has."""

    def find(self, text: str) -> Found:
        """How much of `text` is known, and of which problem it has the most."""
        import numpy as np

        own = window_hashes(text)
        known = stand_in(own, self.hashes)
        held = np.unique(np.concatenate([own[known], self.short_windows(text)]))
        first, last = (np.searchsorted(self.hashes, held, side) for side in ("left", "right"))
        spans = zip(first.tolist(), last.tolist(), strict=True)
        places = [place for start, end in spans for place in range(start, end)]
        counts = Counter(self.owners[places].tolist())
        shares = [n / int(self.sizes[owner]) for owner, n in counts.items() if owner != NOBODY]
        return Found(
            windows=max(counts.values(), default=0),
            share=float(known.mean()) if len(own) else 0.0,
            problem_share=max(shares, default=0.0),
        )

    def short_windows(self, text: str) -> "Hashes":
        """Hashes of stretches of `text` that begin, and end, where a short problem would."""
        import numpy as np

        if not len(self.openings):
            return np.empty(0, np.uint64)
        lines = stripped_lines(text)
        opened = np.flatnonzero(stand_in(hashes_of(lines), self.openings)).tolist()
        found = []
        for place in opened:
            first, last = (
                np.searchsorted(self.openings, hashes_of([lines[place]])[0], side)
                for side in ("left", "right")
            )
            for length in set(self.lengths[first:last].tolist()):
                found.append("\n".join(lines[place : place + length]))
        return hashes_of(found)


def hashes_of(texts: Sequence[str]) -> "Hashes":
    """The hash of each text."""
    import numpy as np

    digests = b"".join(
        hashlib.md5(text.encode(), usedforsecurity=False).digest()[:RECORD_BYTES] for text in texts
    )
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def stand_in(hashes: "Hashes", among: "Hashes") -> "NDArray[np.bool_]":
    """Which of `hashes` stand in `among`, which is sorted."""
    import numpy as np

    if not len(among):
        return np.zeros(len(hashes), np.bool_)
    places = np.minimum(np.searchsorted(among, hashes), len(among) - 1)
    return np.equal(among[places], hashes)


def stripped_lines(text: str) -> list[str]:
    """The lines of `text` that are not blank, stripped."""
    return [stripped for line in text.splitlines() if (stripped := line.strip())]


def window_hashes(text: str) -> "Hashes":
    """Hash of every window of `text` in order; shape [windows], empty for a text of few lines."""
    lines = [line for line in stripped_lines(text) if len(line) >= SHORTEST_LINE]
    return hashes_of(
        [
            "\n".join(lines[start : start + WINDOW_LINES])
            for start in range(len(lines) - WINDOW_LINES + 1)
        ]
    )


def windows_of(problems: Iterable[str]) -> Windows:
    """The windows of the problems' texts; equal texts are one problem."""
    import numpy as np

    parts: list[Any] = [np.empty(0, np.uint64)]
    owners: list[Any] = [np.empty(0, np.int64)]
    sizes: list[int] = []
    openings: list[str] = []
    lengths: list[int] = []
    for text in dict.fromkeys(problems):
        own = np.unique(window_hashes(text))
        lines = stripped_lines(text)
        if not len(own):
            whole = "\n".join(lines)
            if len(lines) < 2 and len(whole) < SHORTEST_PROBLEM:
                continue
            own = hashes_of([whole])
            openings.append(lines[0])
            lengths.append(len(lines))
        parts.append(own)
        owners.append(np.full(len(own), len(sizes), np.int64))
        sizes.append(len(own))
    hashes, owner = np.concatenate(parts), np.concatenate(owners)
    order, first = np.argsort(hashes, kind="stable"), hashes_of(openings)
    turn = np.argsort(first, kind="stable")
    return Windows(
        hashes[order],
        owner[order],
        np.array(sizes, np.int64),
        first[turn],
        np.array(lengths, np.int64)[turn],
    )


def join(parts: Sequence[Windows]) -> Windows:
    """The windows of several files."""
    import numpy as np

    hashes = np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)])
    shifted, before = [np.empty(0, np.int64)], 0
    for part in parts:
        shifted.append(np.where(part.owners == NOBODY, NOBODY, part.owners + before))
        before += len(part.sizes)
    order = np.argsort(hashes, kind="stable")
    openings = np.concatenate([np.empty(0, np.uint64), *(part.openings for part in parts)])
    turn = np.argsort(openings, kind="stable")
    sizes, lengths = (
        np.concatenate([np.empty(0, np.int64), *(getattr(part, name) for part in parts)])
        for name in ("sizes", "lengths")
    )
    owners = np.concatenate(shifted)[order]
    return Windows(hashes[order], owners, sizes, openings[turn], lengths[turn])


def write_windows(problems: Iterable[str], path: Path) -> int:
    """A file of the windows of the problems' texts; gives the number of problems."""
    import numpy as np

    windows = windows_of(problems)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: getattr(windows, name) for name in ARRAYS})
    path.write_bytes(buffer.getvalue())
    return len(windows.sizes)


def read_windows(files: Iterable[Path]) -> Windows:
    """The windows of all files together; raises CorpusError for a file of another form."""
    return join([read_file(path) for path in files])


def read_file(path: Path) -> Windows:
    """The windows of one file, of this form or the older one."""
    import numpy as np

    try:
        data = path.read_bytes()
    except OSError as exc:
        raise CorpusError(
            f"dedup.decontamination: cannot read {path}: {exc.strerror}; correct the path"
        ) from exc
    try:
        if data.startswith(ZIP):
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return Windows(*(arrays[name] for name in ARRAYS))
        return older_form(data)
    except (ValueError, KeyError, OSError, BadZipFile) as exc:
        raise CorpusError(
            f"decontamination: expected windows of problems, or sorted {RECORD_BYTES}-byte "
            f"records, in {path}, found {len(data)} bytes of another form; write it with: "
            "python -m trainer.corpus.screening.decontamination"
        ) from exc


def older_form(data: bytes) -> Windows:
    """Sorted hashes alone; ValueError for anything else."""
    import numpy as np

    hashes = np.frombuffer(data, ">u8").astype(np.uint64)
    if bool((hashes[1:] < hashes[:-1]).any()):
        raise ValueError("not sorted")
    nobody, nothing = np.full(len(hashes), NOBODY, np.int64), np.empty(0, np.int64)
    return Windows(hashes, nobody, nothing, np.empty(0, np.uint64), nothing)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.corpus.screening.decontamination",
        description="Benchmark files to known windows.",
    )
    parser.add_argument("files", type=Path, nargs="+", help="JSON lines, .gz or not")
    parser.add_argument("--out", type=Path, required=True)
    words = parser.parse_args()
    count = write_windows(read_problems(words.files), words.out)
    parser.exit(message=f"{words.out}: {count:,} problems of {len(words.files)} files\n")


if __name__ == "__main__":
    main()
