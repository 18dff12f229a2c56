"""Looks up what follows a context, as the index stands at one cursor.

A view does not change: what is added to the project meanwhile is in the next one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from lsp_server.contract.recall import MOST_LOOKED_AT, SEPARATOR, Rung, latest_first
from lsp_server.project.index.open_texts import OpenTexts
from lsp_server.project.index.segment import Segment, Spans

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment and which of its texts may answer."""

    segment: Segment
    answers: npt.NDArray[np.bool_] | None = None
    """None for all of them; else shape [texts]."""


class ProjectView:
    """The project without the file that is being written."""

    def __init__(self, parts: Sequence[Part], texts: OpenTexts) -> None:
        self._parts = tuple(parts)
        self._texts = texts

    def rungs(self, context: Sequence[int]) -> tuple[Rung, ...]:
        """A rung for each of the ladder's lengths at which the context's end stands somewhere.

        The shortest first; none where its last token stands nowhere.
        """
        latest = latest_first(context)
        open_places = self._texts.find(latest)
        spans = [part.segment.find(latest) for part in self._parts]
        totals = count_places(spans, open_places)
        followers = self._look(spans, open_places, totals)
        rungs: list[Rung] = []
        longer = Rung(0, 0, {})
        for length in sorted(totals, reverse=True):
            if length in followers:
                rung = make_rung(length, totals[length], followers[length])
                # where every place that was looked at is silent, those of longer matches may not be
                longer = rung if rung.total >= longer.total else longer
            if longer.total:
                rungs.append(Rung(length, longer.total, longer.counts))
        return tuple(reversed(rungs))

    def _look(
        self, spans: Sequence[Spans], open_places: Mapping[int, Places], totals: Mapping[int, int]
    ) -> Mapping[int, list[int]]:
        """What followed by length, SEPARATOR where it is silent.

        At all places where they are few, else at every n-th. A length with no more places than the
        next longer one, all of them looked at, is left out: they are the same.
        """
        steps = {length: -(-total // MOST_LOOKED_AT) for length, total in totals.items()}
        few = sorted(length for length, step in steps.items() if step == 1)
        few = [*(a for a, b in pairwise(few) if totals[a] != totals[b]), *few[-1:]]
        many = [length for length, step in steps.items() if step > 1]
        followers: dict[int, list[int]] = {length: [] for length in (*few, *many)}
        seen = dict.fromkeys(many, 0)
        for part, found in zip(self._parts, spans, strict=True):
            sampled = [length for length in many if length in found]
            picks = [pick(found[length], seen[length], steps[length]) for length in sampled]
            whole = found.get(few[0], range(0)) if few else range(0)
            *some, ids = look_up(part, [*picks, whole])
            for length, sample in zip(sampled, some, strict=True):
                seen[length] += len(found[length])
                followers[length] += sample
            for length in few:
                if length in found:
                    span = found[length]
                    followers[length] += ids[span.start - whole.start : span.stop - whole.start]
        for length, places in open_places.items():
            if length in followers:
                start = -seen.get(length, 0) % steps[length]
                ids = self._texts.followers(places[start :: steps[length]]).tolist()
                followers[length] += ids
        return followers


def count_places(spans: Iterable[Spans], open_places: Mapping[int, Places]) -> dict[int, int]:
    """How many there are by length."""
    totals = {length: len(places) for length, places in open_places.items()}
    for found in spans:
        for length, span in found.items():
            totals[length] = totals.get(length, 0) + len(span)
    return totals


def pick(span: range, before: int, step: int) -> range:
    """Every n-th of a span that so many places stand before."""
    return range(span.start + -before % step, span.stop, step)


def look_up(part: Part, picks: Sequence[range]) -> list[list[int]]:
    """What followed at each of some indexes into a segment; SEPARATOR where it is silent."""
    indexes = [np.arange(some.start, some.stop, some.step) for some in picks]
    segment = part.segment
    places = segment.places(np.concatenate(indexes))
    found = segment.followers(places)
    if part.answers is not None:
        found = np.where(part.answers[segment.texts(places)], found, SEPARATOR)
    ids: list[int] = found.tolist()
    ends = list(accumulate(map(len, picks)))
    return [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def make_rung(length: int, total: int, followers: list[int]) -> Rung:
    """The rung of what was looked at of so many places."""
    counts = Counter(followers)
    heard = len(followers) - counts.pop(SEPARATOR, 0)
    if heard < len(followers):
        total = round(total * heard / len(followers))
    return Rung(length, max(total, heard), counts)
