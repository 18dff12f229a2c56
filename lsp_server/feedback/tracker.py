"""Follows all shown suggestions through a document's edits.

Pure: no clock, no files, no threads. Two things it cannot tell from the document alone: whether a
single character was typed or accepted as a word (it counts as typed; the last one of a suggestion
is settled by `accept`, where the editor says so), and that the cursor moved, until there is a
change or a request.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from lsp_server.contract.text_form import with_plain_ends
from lsp_server.documents.text_edits import trim
from lsp_server.feedback.insertion import Edits, Insertion, Progress
from lsp_server.feedback.rows import Acceptance, Ending, Offer, Row, Settled, Trigger
from lsp_server.feedback.shown_suggestion import (
    STRAYS,
    Mark,
    OfferPlace,
    ShownSuggestion,
    offer_place,
)

FOLLOWED_SECONDS = 30.0

LinesOf = Callable[[str], Sequence[str] | None]
"""The lines of an open document, by its URI."""


@dataclass(slots=True)
class Watched:
    """One document's suggestions."""

    live: list[ShownSuggestion] = field(default_factory=list)
    """On show."""
    followed: list[ShownSuggestion] = field(default_factory=list)
    """In the document; how long they stay there is still to be seen."""


class Tracker:
    """What became of the suggestions of all documents."""

    def __init__(
        self, session: str, lines_of: LinesOf, followed_seconds: float = FOLLOWED_SECONDS
    ) -> None:
        self._session = session
        self._lines_of = lines_of
        self._seconds = followed_seconds
        self._watched: dict[str, Watched] = {}
        self._offers = 0
        self._rows: list[Row] = []

    def take_rows(self) -> list[Row]:
        """What became known since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def offer(self, offer: Offer, now: float) -> list[str]:
        """The editor has an answer: the id of each candidate's suggestion, new or gone on with."""
        lines = self._lines_of(offer.uri)
        if lines is None:
            return [""] * len(offer.candidates)
        self._offers += 1
        place = offer_place(offer, lines)
        watched = self._watched.setdefault(offer.uri, Watched())
        before, watched.live = watched.live, []
        for rank, candidate in enumerate(offer.candidates):
            shown = not rank or offer.trigger is Trigger.MENU
            known = next((old for old in before if old.continues(place, candidate)), None)
            if known is not None:
                before.remove(known)
                known.resume(place, candidate, shown=shown)
            watched.live.append(known or self._begin(offer, place, rank, now))
        if not offer.candidates:
            watched.live = [old for old in before if old.insertion.end == place.start]
        for old in before:
            if old not in watched.live:
                here = old.insertion.end == place.start
                self._end(watched, old, Ending.REPLACED if here else Ending.MOVED, now)
        return [each.id for each in watched.live[: len(offer.candidates)]]

    def _begin(self, offer: Offer, place: OfferPlace, rank: int, now: float) -> ShownSuggestion:
        candidate = offer.candidates[rank]
        target = place.lead + with_plain_ends(candidate.text)
        return ShownSuggestion(
            id=f"{self._session}-{self._offers}-{rank}",
            offer=offer,
            rank=rank,
            candidate=candidate,
            insertion=Insertion(place.start, place.present, target, place.tail),
            lead=len(place.lead),
            begun=now,
            shown=not rank or offer.trigger is Trigger.MENU,
            marks=bytearray([Mark.MISSING]) * len(target),
        )

    def edit(self, uri: str, edits: Edits, now: float) -> None:
        """A document was changed, as one notification said; it reads so already."""
        watched = self._watched.get(uri)
        lines = self._lines_of(uri)
        if watched is None or lines is None or not (watched.live or watched.followed):
            return
        edits = [edit for edit in map(trim, edits) if not edit.is_empty]
        for offered in (*watched.followed, *watched.live):
            offered.follow(edits)
        if not edits:
            return
        steps = [(offered, offered.insertion.take(edits, lines)) for offered in watched.live]
        taken = choose_accepted(steps)
        watched.live = []
        for offered, progress in steps:
            if taken is not None and offered is not taken:
                self._end(watched, offered, Ending.OTHER, now)
            elif progress is None:
                self._end(watched, offered, Ending.DIVERGED, now)
            else:
                self._advance(watched, offered, progress, now)

    def _advance(
        self, watched: Watched, offered: ShownSuggestion, progress: Progress, now: float
    ) -> None:
        accepted_at = offered.accepted_at
        offered.advance(progress, now)
        if offered.complete:
            self._end(watched, offered, Ending.COMPLETE, now)
        elif offered.strays >= STRAYS:
            self._end(watched, offered, Ending.MOVED, now)
        else:
            watched.live.append(offered)
            if offered.accepted_at != accepted_at:
                self._rows.append(offered.row(self._session, now))

    def _end(self, watched: Watched, offered: ShownSuggestion, ending: Ending, now: float) -> None:
        offered.end(ending, now)
        self._rows.append(offered.row(self._session, now))
        if offered.accepted_at is not None or ending is Ending.COMPLETE:
            watched.followed.append(offered)

    def accept(self, suggestion: str, now: float) -> None:
        """The editor says that the rest of a suggestion was accepted."""
        for watched in self._watched.values():
            for offered in (*watched.live, *watched.followed):
                if offered.id == suggestion and offered.confirm(now):
                    self._rows.append(offered.row(self._session, now))

    def sweep(self, now: float) -> None:
        """Settle what was accepted long enough ago."""
        for uri, watched in self._watched.items():
            due = [item for item in watched.followed if self._due(item) <= now]
            watched.followed = [item for item in watched.followed if item not in due]
            self._settle(uri, due, Settled.ON_TIME, now)

    def due(self) -> float | None:
        """When there is something to sweep; None while nothing is followed."""
        waiting = (self._due(item) for each in self._watched.values() for item in each.followed)
        return min(waiting, default=None)

    def _due(self, offered: ShownSuggestion) -> float:
        return (offered.decided or offered.begun) + self._seconds

    def close(self, uri: str, now: float) -> None:
        """A document is about to be closed, or not to be read any more."""
        self._leave(uri, Ending.CLOSED, Settled.CLOSED, now)

    def end(self, now: float) -> None:
        """Nothing more will be told."""
        for uri in list(self._watched):
            self._leave(uri, Ending.STOPPED, Settled.STOPPED, now)

    def drop(self, uri: str) -> bool:
        """A document may not be read any more: nothing more is told of it. Whether any was."""
        return self._watched.pop(uri, None) is not None

    def forget_prompts(self) -> None:
        """The text around the cursor is not wanted any more."""
        for watched in self._watched.values():
            for offered in (*watched.live, *watched.followed):
                offered.offer = replace(offered.offer, prompt=None)

    def _leave(self, uri: str, ending: Ending, settled: Settled, now: float) -> None:
        watched = self._watched.pop(uri, None)
        if watched is None:
            return
        for offered in watched.live:
            self._end(watched, offered, ending, now)
        self._settle(uri, watched.followed, settled, now)

    def _settle(
        self, uri: str, followed: Iterable[ShownSuggestion], settled: Settled, now: float
    ) -> None:
        lines = self._lines_of(uri) or ()
        for offered in followed:
            if offered.accepted:
                row = offered.row(self._session, now)
                self._rows.append(offered.settle(row, settled, lines))


def choose_accepted(
    steps: Iterable[tuple[ShownSuggestion, Progress | None]],
) -> ShownSuggestion | None:
    """Of an answer's suggestions the one that a change accepted: one wholly, or the best."""
    best: tuple[bool, bool, int] | None = None
    chosen = None
    for offered, progress in steps:
        if progress is None or not progress.jumped:
            continue
        kind = offered.kind_of(progress, max(progress.before, offered.lead))
        key = (kind is Acceptance.WHOLE, offered.shown, -offered.rank)
        if kind is not None and (best is None or key > best):
            best, chosen = key, offered
    return chosen
