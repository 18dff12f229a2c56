"""Follows one shown suggestion until it is accepted, typed, replaced or left."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import exp

from lsp_server.completion.selection.filters import ends_word
from lsp_server.contract.text_form import with_plain_ends
from lsp_server.documents.text_edits import Point, Span, common_prefix, follow, text_at, text_of
from lsp_server.engines import Candidate
from lsp_server.feedback.insertion import TAIL, Edits, Insertion, Progress
from lsp_server.feedback.retention import READ, kept_characters
from lsp_server.feedback.rows import Acceptance, Ending, Fate, Offer, Row, Settled

TYPED_SHARE = 0.5
"""Of a suggestion, typed by the user: from here on it is no longer one that they ignored."""
STRAYS = 2
"""Changes elsewhere in the document after which the user has gone on there."""
ONE_WORD = re.compile(r"\s*(\w+|[^\w\s]+)")
"""What editors take as the next word."""


class Mark(IntEnum):
    """How a character of a suggestion came into the document."""

    MISSING = 0
    TYPED = 1
    ACCEPTED = 2


@dataclass(frozen=True, slots=True)
class OfferPlace:
    """Where the text of an offer goes, without what of its lead stands there already."""

    start: Point
    present: str
    lead: str
    tail: str


def offer_place(offer: Offer, lines: Sequence[str]) -> OfferPlace:
    """The place of an offer in its document."""
    present = text_of(lines, Span(offer.start, offer.end), READ)
    lead = with_plain_ends(offer.lead)
    known = common_prefix(present, lead)
    start = Insertion(offer.start, "", lead, "").at(known)
    return OfferPlace(start, present[known:], lead[known:], text_at(lines, offer.end, TAIL))


@dataclass(slots=True, eq=False)
class ShownSuggestion:
    """A suggestion, from its first offer until it is known what is left of it."""

    id: str
    offer: Offer
    """The first one that it was in."""
    rank: int
    candidate: Candidate
    """As it was offered last, with what is typed of it."""
    insertion: Insertion
    lead: int
    """Characters of the insertion's target before the candidate's own."""
    begun: float
    shown: bool
    marks: bytearray
    ending: Ending = Ending.OPEN
    decided: float | None = None
    """When it was accepted last, or ended."""
    accepted_at: float | None = None
    last_step: Progress = field(default_factory=lambda: Progress(0, 0))
    last_kind: Acceptance = Acceptance.WORD
    span: Span | None = None
    """Where the accepted text stands."""
    undone: bool = False
    confirmed: bool = False
    """The editor said that it was accepted; the change itself may still come."""
    strays: int = 0

    @property
    def accepted(self) -> int:
        """Characters accepted."""
        return self.marks.count(Mark.ACCEPTED)

    @property
    def complete(self) -> bool:
        """Whether all of it stands in the document."""
        return self.insertion.covered == len(self.insertion.target)

    def continues(self, place: OfferPlace, candidate: Candidate) -> bool:
        """Whether a candidate at a place is the rest of this suggestion, or more or less of it."""
        if place.start != self.insertion.end or place.present != self.insertion.present:
            return False
        rest, new = self.insertion.rest, place.lead + with_plain_ends(candidate.text)
        return bool(rest) and (new.startswith(rest) or rest.startswith(new))

    def resume(self, place: OfferPlace, candidate: Candidate, *, shown: bool) -> None:
        """Take a candidate as what is left of this suggestion now."""
        insertion = self.insertion
        typed = insertion.covered - self.lead
        if typed < 0:  # not all that stands before it is there yet
            before = insertion.target[: insertion.covered] + place.lead
            self.candidate = candidate
        else:
            before = insertion.target[: self.lead]
            self.candidate = join(self.candidate, typed, place.lead, candidate)
        self.lead = len(before)
        insertion.target = before + with_plain_ends(self.candidate.text)
        insertion.tail = place.tail
        size = len(insertion.target)
        self.marks = self.marks[:size].ljust(size, bytes([Mark.MISSING]))
        self.shown = self.shown or shown
        self.strays = 0

    def advance(self, progress: Progress, now: float) -> None:
        """Note what a change did to it."""
        before = max(progress.before, self.lead)
        after = max(progress.after, self.lead)
        self.strays = self.strays + 1 if progress.before == progress.after else 0
        for at in range(after, before):
            if self.marks[at] == Mark.TYPED:
                self.marks[at] = Mark.MISSING
        if after <= before:
            return
        self.last_step = Progress(before, after)
        kind = self.kind_of(progress, before)
        if kind is not None:
            typed = max(after - progress.jumped, before)
            self.mark(before, typed, Mark.TYPED)
            self.accept(typed, after, kind, now)
        else:
            self.mark(before, after, Mark.TYPED)

    def kind_of(self, progress: Progress, before: int) -> Acceptance | None:
        """How the end of what a change brought was accepted; None where it was typed."""
        target, after = self.insertion.target, progress.after
        if after == len(target) and (progress.jumped or self.confirmed):
            return Acceptance.WHOLE
        gained = target[max(after - progress.jumped, before) : after]
        if not gained or not ends_word(target, after):
            return None
        line = gained.endswith("\n") or (target[after] == "\n" and not ONE_WORD.fullmatch(gained))
        return Acceptance.LINE if line else Acceptance.WORD

    def mark(self, first: int, end: int, mark: Mark) -> None:
        """Note how characters came; what was accepted once stays so."""
        for at in range(first, end):
            self.marks[at] = max(self.marks[at], mark)

    def accept(self, first: int, end: int, kind: Acceptance, now: float) -> None:
        """Note that characters were accepted."""
        first = min(first, end - 1)
        self.mark(first, end, Mark.ACCEPTED)
        old = self.span
        start = self.insertion.at(first) if old is None or old.is_empty else old.start
        self.span = Span(start, self.insertion.at(end))
        self.last_kind, self.shown, self.undone = kind, True, False
        self.accepted_at = self.decided = now

    def confirm(self, now: float) -> bool:
        """The editor says that it was accepted: whether that is news."""
        if self.ending is Ending.OPEN:
            self.confirmed = True
            return False
        first, end = self.last_step.before, self.last_step.after
        if self.ending is not Ending.COMPLETE or self.marks[end - 1] == Mark.ACCEPTED:
            return False
        self.accept(first, end, Acceptance.WHOLE, now)
        return True

    def end(self, ending: Ending, now: float) -> None:
        """It is no longer on show."""
        self.ending = ending
        if self.accepted_at is None:
            self.decided = now

    def follow(self, edits: Edits) -> None:
        """Follow where the accepted text stands."""
        for edit in edits:
            if self.span is not None and not self.span.is_empty:
                self.span = follow(self.span, edit)
                self.undone = self.undone or self.span.is_empty

    def row(self, session: str, now: float) -> Row:
        """What is known of it, without what is left of it."""
        offer, candidate = self.offer, self.candidate
        accepted, typed = self.accepted, self.marks.count(Mark.TYPED)
        mostly_typed = typed >= TYPED_SHARE * len(candidate.text)
        unaccepted = Acceptance.TYPED if mostly_typed else Acceptance.IGNORED
        prompt = offer.prompt
        return Row(
            id=self.id,
            time=offer.time,
            session=session,
            language=offer.language,
            model=offer.model,
            model_sha256=offer.model_sha256,
            prompt_sha256=offer.prompt_sha256,
            text=candidate.text,
            tokens=candidate.tokens,
            logprobs=candidate.logprobs,
            rank=self.rank,
            candidates=len(offer.candidates),
            shown=self.shown,
            probability=exp(sum(candidate.logprobs)),
            latency_ms=offer.latency_ms,
            trigger=offer.trigger,
            outcome=self.last_kind if accepted else unaccepted,
            ending=self.ending,
            accepted_characters=accepted,
            typed_characters=typed,
            retained_characters=None,
            fate=None,
            settled=None,
            seconds=(now if self.decided is None else self.decided) - self.begun,
            path=None if prompt is None else prompt.path,
            prefix=None if prompt is None else prompt.prefix,
            suffix=None if prompt is None else prompt.suffix,
        )

    def settle(self, row: Row, settled: Settled, lines: Sequence[str]) -> Row:
        """The row with how much of the accepted text is left."""
        first = self.marks.index(Mark.ACCEPTED)
        wanted = self.insertion.target[first : self.marks.rindex(Mark.ACCEPTED) + 1]
        found = "" if self.span is None else text_of(lines, self.span, READ)
        left = min(kept_characters(wanted, found), self.accepted)
        fate = Fate.KEPT if found == wanted else Fate.EDITED
        return replace(
            row,
            retained_characters=left,
            fate=Fate.UNDONE if self.undone else fate,
            settled=settled,
        )


def join(old: Candidate, typed: int, lead: str, new: Candidate) -> Candidate:
    """The first `typed` characters of a candidate, then `lead`, then another candidate.

    A token that is typed halfway is the first of the other's, and has its probability.
    """
    tokens: list[str] = []
    for token in old.tokens:
        if typed < len(token):
            break
        tokens.append(token)
        typed -= len(token)
    kept = len(tokens)
    piece = (old.tokens[kept][:typed] if typed else "") + lead
    first = new.tokens[0] if new.tokens else ""
    return replace(
        new,
        tokens=(*tokens, piece + first, *new.tokens[1:]),
        logprobs=(*old.logprobs[:kept], *new.logprobs),
    )
