"""Finds what is wrong with a suggestion where it stands, whatever the user wanted.

A suggestion is judged by the text that accepting it would leave. One that is right by the truth has
no fault. Each kind counts only where it can occur: `Verdict.cases`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.texts.levels import has_impossible_level, levels_before
from lsp_server.bench.texts.python_text import (
    COMMENT,
    line_pieces,
    open_quote,
    opened_before,
    pieces,
)
from lsp_server.contract.languages.lexing import BRACKETS


class Fault(StrEnum):
    """What can be wrong."""

    BROKEN = "broken line"
    """In a string that is closed behind the cursor: the line is no longer whole tokens."""
    REPEAT = "repeat"
    """In the middle of a line: the suggestion repeats, or closes again, what follows."""
    OPEN_STRING = "open string"
    """The suggestion opens a string and leaves it open; one of three quotes may span lines."""
    INDENTATION = "indentation"
    """A line stands where no block is open, or not inside the block that was just opened."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A suggestion and the document around the cursor."""

    before: str
    after: str
    offer: Offer

    @property
    def kept_before(self) -> str:
        """What stays of `before`."""
        return self.before[: len(self.before) - self.offer.rewrites]

    @property
    def kept_after(self) -> str:
        """What stays of `after`."""
        return self.after[self.offer.covers :]

    @property
    def rest(self) -> str:
        """What follows the suggestion on its line, once it is taken."""
        return self.kept_after.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which kinds could occur with a suggestion, and which of them did."""

    cases: frozenset[Fault]
    faults: frozenset[Fault]


UNJUDGED = Verdict(frozenset(), frozenset())
"""Of a suggestion in a language whose faults are not known."""


@dataclass(frozen=True, slots=True)
class FaultTally:
    """Suggestions by kind: those with which it could occur, and those with which it did."""

    cases: Mapping[Fault, int] = field(default_factory=dict)
    faults: Mapping[Fault, int] = field(default_factory=dict)


def tally(verdicts: Iterable[Verdict]) -> FaultTally:
    """The verdicts, counted."""
    found = list(verdicts)
    cases = Counter(fault for verdict in found for fault in verdict.cases)
    faults = Counter(fault for verdict in found for fault in verdict.faults)
    return FaultTally(dict(cases), dict(faults))


def judge(sight: Sight, *, right: bool) -> Verdict:
    """The verdict on a suggestion; `right`: the truth goes on like it."""
    checks = {
        Fault.BROKEN: (in_closed_string, breaks_line),
        Fault.REPEAT: (in_middle_of_line, repeats_what_follows),
        Fault.OPEN_STRING: (always, leaves_string_open),
        Fault.INDENTATION: (begins_lines, stands_nowhere),
    }
    cases = frozenset(fault for fault, (occurs, _) in checks.items() if occurs(sight))
    if right:
        return Verdict(cases, frozenset())
    return Verdict(cases, frozenset(fault for fault in cases if checks[fault][1](sight)))


def always(sight: Sight) -> bool:
    """For kinds that any suggestion can have."""
    return True


def in_closed_string(sight: Sight) -> bool:
    """Whether the cursor stands inside a string that the rest of the line closes."""
    quote = open_quote(sight.before)
    if quote in ("", COMMENT):
        return False
    return is_whole(sight.before, sight.after.partition("\n")[0])


def is_whole(before: str, added: str) -> bool:
    """Whether no string is open at the end of the lines that `added` ends, or cut by a newline."""
    start = before.rfind("\n") + 1
    found = pieces(before[start:] + added, opened_before(before[:start]))
    return all(piece.closed for piece in found)


def breaks_line(sight: Sight) -> bool:
    """Whether the lines are no longer whole tokens."""
    return not is_whole(sight.kept_before, sight.offer.text + sight.rest)


def in_middle_of_line(sight: Sight) -> bool:
    """Whether anything follows on the line."""
    return bool(sight.after.partition("\n")[0].strip())


def repeats_what_follows(sight: Sight) -> bool:
    """Whether the suggestion has, or closes, what still follows it."""
    text, rest = sight.offer.text, sight.rest.strip()
    if not rest:
        return False
    if open_quote(sight.kept_before) not in ("", COMMENT):
        return closes_string(sight) or contains(text, rest)
    if rest[0] in BRACKETS and closes_more_than_it_opens(text):
        return True
    return contains(text, rest) or overlaps(text.rstrip(), rest)


def closes_string(sight: Sight) -> bool:
    """Whether the suggestion ends the string around the cursor, which what follows ends too."""
    whole = line_pieces(sight.kept_before + sight.offer.text.partition("\n")[0])
    start = len(sight.kept_before) - sight.kept_before.rfind("\n") - 1
    around = [piece for piece in whole if piece.is_string and piece.start < start <= piece.end]
    return bool(around) and around[-1].closed and in_closed_string(sight)


def contains(text: str, rest: str) -> bool:
    """Whether all that follows, if it has a word, stands in `text`, cutting no word."""
    if not any(character.isalnum() for character in rest):
        return False
    starts = (found.start() for found in re.finditer(re.escape(rest), text))
    return any(is_edge(text, at) and is_edge(text, at + len(rest)) for at in starts)


def closes_more_than_it_opens(text: str) -> bool:
    """Whether a bracket is closed that the text did not open."""
    depth = 0
    for piece in pieces(text):
        depth += (piece.mark in BRACKETS.values()) - (piece.mark in BRACKETS)
        if depth < 0:
            return True
    return False


def overlaps(text: str, rest: str) -> bool:
    """Whether whole tokens at the end of `text` are those that `rest` begins with.

    Closing brackets alone say nothing here: they were counted.
    """
    for length in range(1, min(len(text), len(rest)) + 1):
        shared = rest[:length]
        if not text.endswith(shared) or all(mark in BRACKETS for mark in shared):
            continue
        if is_edge(text, len(text) - length) and is_edge(rest, length):
            return True
    return False


def is_edge(text: str, at: int) -> bool:
    """Whether no word reaches over the place."""
    around = text[max(0, at - 1) : at + 1]
    return not (len(around) == 2 and all(c.isalnum() or c == "_" for c in around))


def leaves_string_open(sight: Sight) -> bool:
    """Whether the suggestion opens a string of one quote that nothing closes."""
    start = len(sight.kept_before) - sight.kept_before.rfind("\n") - 1
    within = start + len(sight.offer.text)
    line = sight.kept_before + sight.offer.text + sight.rest
    begun = sight.kept_before.rfind("\n") + 1
    return any(
        piece.is_string
        and not piece.closed
        and len(piece.mark) == 1
        and start <= piece.start < within
        for piece in pieces(line[begun:], opened_before(line[:begun]))
    )


def begins_lines(sight: Sight) -> bool:
    """Whether the suggestion decides where a line begins."""
    return not sight.kept_before.rpartition("\n")[2].strip() or "\n" in sight.offer.text


def stands_nowhere(sight: Sight) -> bool:
    """Whether one of the lines that the suggestion begins has a level that Python refuses."""
    start = sight.kept_before.rfind("\n") + 1
    levels = levels_before(sight.kept_before[:start])
    if levels is None:
        return False
    last = sight.rest if not sight.offer.text.endswith("\n") else ""
    return has_impossible_level(levels, sight.kept_before[start:] + sight.offer.text + last)
