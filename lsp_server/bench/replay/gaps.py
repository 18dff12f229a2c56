"""Cursors with code behind them: a piece of the file is cut out, and what follows it stays.

In the middle of a line the rest of that line stays, with the marks that close what stands before
the cursor. A fresh line is cut together with the next ones; its indentation stays.
"""

import io
import keyword
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.editors import indentation
from lsp_server.bench.replay.blocks import is_code
from lsp_server.bench.reporting.faults import FaultTally, Sight, judge, tally

FRESH_LINES = 4
"""Lines that are cut at a fresh line, at most."""


class GapKind(StrEnum):
    """What was cut out."""

    NAME = "name"
    """A name or the end of one."""
    ARGUMENTS = "arguments"
    """What stands between the brackets of a call."""
    STRING = "string"
    """What stands between the quotes of a string, or the end of it."""
    CALL = "call"
    """A name with the brackets behind it."""
    LINES = "lines"
    """The rest of a fresh line, and further ones."""

    @property
    def is_in_line(self) -> bool:
        """Whether the rest of the line stays."""
        return self is not GapKind.LINES


@dataclass(frozen=True, slots=True)
class Gap:
    """A cursor and what was cut out behind it."""

    line: int
    """Of the file, counted from 0."""
    start: int
    """Offset of the cursor."""
    cut: str
    kind: GapKind


@dataclass(frozen=True, slots=True)
class GapScore:
    """What an answer at a gap is worth."""

    shown: int
    """Suggestions on show."""
    exact: bool
    """Whether the first is what was cut out."""
    saved: int
    """Characters of the longest right one, indentation left out."""
    characters: int
    """Of what was cut out, indentation left out."""
    faults: FaultTally = field(default_factory=FaultTally)


def score_gap(gap: Gap, text: str, offers: Sequence[Offer]) -> GapScore:
    """The offers at a gap of `text`, the whole file's."""
    before, after = text[: gap.start], text[gap.start + len(gap.cut) :]
    right = [offer for offer in offers if is_right(gap, after, offer)]
    verdicts = [judge(Sight(before, after, offer), right=offer in right) for offer in offers]
    exact = bool(offers) and offers[0] in right and offers[0].text.rstrip() == gap.cut.rstrip()
    return GapScore(
        shown=len(offers),
        exact=exact,
        saved=max((len(without_indentation(offer.text)) for offer in right), default=0),
        characters=len(without_indentation(gap.cut)),
        faults=tally(verdicts),
    )


def is_right(gap: Gap, after: str, offer: Offer) -> bool:
    """Whether the user goes on from what taking the offer leaves."""
    if offer.rewrites:
        return False
    if offer.covers:
        return offer.text + after[offer.covers :] == gap.cut + after
    return gap.cut.startswith(offer.text.rstrip())


def without_indentation(text: str) -> str:
    """The characters that are the same in every form of the file."""
    return re.sub(r"\n[ \t]*", "\n", text.rstrip())


def choose_gaps(text: str, shortest: int, random: Random) -> list[Gap]:
    """Gaps of a file in random order, half in the middle of lines, at most one a line of each.

    What is cut has at least `shortest` characters. A file that is no Python has none.
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    in_lines = choose_in_lines(text, tokens, shortest, random)
    fresh = choose_fresh(text, tokens, shortest, random)
    pairs = zip(in_lines, fresh, strict=False)
    return [gap for pair in pairs for gap in pair]


def choose_in_lines(
    text: str, tokens: Sequence[tokenize.TokenInfo], shortest: int, random: Random
) -> list[Gap]:
    """One gap in each line that has one, its kind by chance."""
    starts = line_starts(text)
    found: dict[int, list[Gap]] = {}
    for kind, first, last in spans(tokens):
        row, column = first
        start, end = starts[row - 1] + column, starts[last[0] - 1] + last[1]
        rest = text[end:].partition("\n")[0]
        if row != last[0] or not rest.strip() or rest.lstrip().startswith("#"):
            continue
        if kind in (GapKind.NAME, GapKind.STRING) and end - start > shortest:
            start += random.randrange(end - start - shortest + 1)
        if end - start >= shortest:
            found.setdefault(row, []).append(Gap(row - 1, start, text[start:end], kind))
    gaps = [random.choice(by_kind(row_gaps, random)) for row_gaps in found.values()]
    random.shuffle(gaps)
    return gaps


def by_kind(gaps: Sequence[Gap], random: Random) -> list[Gap]:
    """The gaps of one kind, each kind as likely as another."""
    kind = random.choice(sorted({gap.kind for gap in gaps}))
    return [gap for gap in gaps if gap.kind is kind]


def spans(
    tokens: Sequence[tokenize.TokenInfo],
) -> Iterator[tuple[GapKind, tuple[int, int], tuple[int, int]]]:
    """Kind, start and end (row, column) of what could be cut out of lines."""
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            yield GapKind.NAME, token.start, token.end
        elif token.type == tokenize.STRING:
            yield from string_span(token)
        elif token.string in ("(", "[", "{"):
            opened.append(at)
        elif token.string in (")", "]", "}") and opened:
            first = opened.pop()
            if tokens[first].string == "(" and tokens[first - 1].type == tokenize.NAME:
                yield GapKind.ARGUMENTS, tokens[first].end, token.start
                yield GapKind.CALL, tokens[first - 1].start, token.end


def string_span(
    token: tokenize.TokenInfo,
) -> Iterator[tuple[GapKind, tuple[int, int], tuple[int, int]]]:
    """The content of a string of one quote."""
    quote = token.string[-1]
    opening = token.string.index(quote)
    if not token.string.endswith(quote * 3):
        row, column = token.start
        yield GapKind.STRING, (row, column + opening + 1), (token.end[0], token.end[1] - 1)


def choose_fresh(
    text: str, tokens: Sequence[tokenize.TokenInfo], shortest: int, random: Random
) -> list[Gap]:
    """Starts of statements, in random order."""
    starts = line_starts(text)
    rows = text.split("\n")
    gaps = []
    begins = True
    for token in tokens:
        if begins and token.type not in SKIPPED:
            row = token.start[0] - 1
            start = starts[row] + len(indentation(rows[row]))
            end = starts[row] + len(fresh_lines(rows, row))
            if is_code(rows[row]) and end - start >= shortest:
                gaps.append(Gap(row, start, text[start:end], GapKind.LINES))
        if token.type not in SKIPPED or token.type == tokenize.NEWLINE:
            begins = token.type == tokenize.NEWLINE
    random.shuffle(gaps)
    return gaps


SKIPPED = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.NEWLINE,
    tokenize.ENDMARKER,
)


def fresh_lines(rows: Sequence[str], row: int) -> str:
    """The lines that are cut at a fresh one: up to a blank or a less indented line."""
    kept = [rows[row]]
    given = indentation(rows[row])
    for line in rows[row + 1 : row + FRESH_LINES]:
        if not line.strip() or not line.startswith(given):
            break
        kept.append(line)
    return "\n".join(kept).rstrip()


def line_starts(text: str) -> list[int]:
    """The offset of each line."""
    starts = [0]
    for row in text.split("\n")[:-1]:
        starts.append(starts[-1] + len(row) + 1)
    return starts
