"""Tracks the regions of documents that the user edited last.

A region is a range of lines, and moves with later edits above it. Its text is read only when asked
for, so that deleted text is not kept anywhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lsp_server.contract.text_form import CANONICAL, TextForm

REGIONS = 16
"""Remembered at most, over all documents."""
LONGEST = 24
"""Lines of one region; of a longer one the lines around the latest change are kept."""
NEAR = 3
"""Lines between two changes that are one region all the same."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit did: so many lines from `first` on gave way to so many others."""

    first: int
    removed: int
    added: int


@dataclass(frozen=True, slots=True)
class Region:
    """Lines `first` to `end`, without `end`, of a document."""

    uri: str
    first: int
    end: int
    text: str | None = None
    """Of a document that was closed since: the lines as they were then."""
    form: TextForm = CANONICAL
    """How they are indented."""


class EditedRegions:
    """The latest regions of all documents."""

    def __init__(self) -> None:
        self._regions: list[Region] = []

    def __iter__(self) -> Iterator[Region]:
        """Latest first."""
        return iter(self._regions)

    def record(self, uri: str, change: Change) -> None:
        """Note what an edit did to a document; the region that it lies in becomes the latest."""
        region = Region(uri, change.first, change.first + change.added)
        others: list[Region] = []
        for old in self._regions:
            moved = old if old.uri != uri else move(old, change)
            if moved.uri == uri and touch(moved, region):
                first, end = min(moved.first, region.first), max(moved.end, region.end)
                region = Region(uri, first, end)
            else:
                others.append(moved)
        region = shorten(region, change)
        self._regions = [region, *(old for old in others if old.end > old.first)][:REGIONS]

    def freeze(self, uri: str, lines: Sequence[str], form: TextForm) -> None:
        """A document was closed: keep what its regions hold."""

        def frozen(old: Region) -> Region:
            return replace(old, text="".join(lines[old.first : old.end]), form=form)

        self._regions = [frozen(old) if old.uri == uri else old for old in self._regions]

    def drop(self, uri: str) -> None:
        """Forget the regions of a document."""
        self._regions = [old for old in self._regions if old.uri != uri]

    def drop_closed(self) -> None:
        """Forget the regions of documents that were closed."""
        self._regions = [old for old in self._regions if old.text is None]


def move(region: Region, change: Change) -> Region:
    """A region of the same document after a change; what the change replaced is not in it."""
    below = change.first + change.removed
    shift = change.added - change.removed
    if region.first >= below:
        return replace(region, first=region.first + shift, end=region.end + shift)
    if region.end <= change.first:
        return region
    first = min(region.first, change.first)
    return replace(region, first=first, end=max(region.end, below) + shift)


def touch(one: Region, other: Region) -> bool:
    """Whether two regions of a document overlap or nearly do."""
    return one.first <= other.end + NEAR and other.first <= one.end + NEAR


def shorten(region: Region, change: Change) -> Region:
    """The part of a region around its latest change."""
    if region.end - region.first <= LONGEST:
        return region
    middle = change.first + change.added
    first = max(region.first, middle - LONGEST * 2 // 3)
    return replace(region, first=first, end=min(region.end, first + LONGEST))
