"""What a commit added to a file, as blocks to type and the document that each is typed into.

Up to the block stands what the file is after the commit, behind it what it was before: what comes
later was not written yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from rapidfuzz.distance import Indel

from lsp_server.bench.replay.blocks import Block, block_at, is_code

LONGEST_LINE = 400
"""Characters; longer lines are data."""


@dataclass(frozen=True, slots=True)
class Addition:
    """Lines that a commit added."""

    block: Block
    text: str
    """The document with the block in it."""

    @property
    def before(self) -> str:
        """The document that the block is typed into."""
        start = self.block.start
        return self.text[:start] + self.text[start + len(self.block.text) :]


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines `[first, last)` of the new text, in place of lines up to `old_last` of the old one."""

    first: int
    last: int
    old_last: int


def additions(old: str, new: str, lines: int) -> list[Addition]:
    """What was added, in blocks of at most so many lines that begin with code, in file order.

    Both texts end in a newline, unless they are empty.
    """
    before, after = old.split("\n")[:-1], new.split("\n")[:-1]
    return [
        Addition(block_at(text, first, last - first), text)
        for hunk in hunks(before, after)
        for first, last in parts(after, hunk, lines)
        for text in ("\n".join([*after[:last], *before[hunk.old_last :], ""]),)
    ]


def hunks(before: Sequence[str], after: Sequence[str]) -> Iterator[Hunk]:
    """The runs of lines that only the new text has."""
    pending: Hunk | None = None
    for step in Indel.opcodes(before, after):
        if step.tag == "equal":
            if pending:
                yield pending
            pending = None
            continue
        first = pending.first if pending else step.dest_start
        pending = Hunk(first, step.dest_end, step.src_end)
    if pending:
        yield pending


def parts(after: Sequence[str], hunk: Hunk, lines: int) -> Iterator[tuple[int, int]]:
    """First and last line of each block of a hunk; blank lines at its ends are not typed."""
    for start in range(hunk.first, hunk.last, lines):
        first, last = start, min(start + lines, hunk.last)
        while first < last and not after[first].strip():
            first += 1
        while first < last and not after[last - 1].strip():
            last -= 1
        rows = after[first:last]
        if any(map(is_code, rows)) and max(map(len, rows)) <= LONGEST_LINE:
            yield first, last


def choose(
    found: Sequence[tuple[str, Addition]], characters: int, random: Random
) -> list[tuple[str, Addition]]:
    """Of the additions of a commit, by path, some at random up to so many characters, in order."""
    drawn = list(range(len(found)))
    random.shuffle(drawn)
    kept: list[int] = []
    left = characters
    for place in drawn:
        size = found[place][1].block.characters
        if size <= left or not kept:  # a commit of one long block is typed all the same
            kept.append(place)
            left -= size
    return [found[place] for place in sorted(kept)]
