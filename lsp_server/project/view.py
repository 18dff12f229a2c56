"""What the project says at one cursor: takes a context, gives its rungs and a draft.

A view does not change: what is added to the project meanwhile is in the next one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lsp_server.project.open_texts import OpenTexts
from lsp_server.project.rungs import MOST_LOOKED_AT, Rung, latest_first
from lsp_server.project.segment import Segment, Span

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A segment and which of its texts may answer."""

    segment: Segment
    answers: npt.NDArray[np.bool_] | None = None
    """None for all of them; else shape [texts]."""

    def choose(self, places: Places) -> Places:
        """Those of the places that lie in texts that may answer."""
        if self.answers is None:
            return places
        return places[self.answers[self.segment.texts(places)]]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What the looked-at places of one match length say."""

    total: int
    followers: list[int]


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
        totals = {length: len(places) for length, places in open_places.items()}
        for some in spans:
            for span in some:
                totals[span.length] = totals.get(span.length, 0) + span.high - span.low
        looked = self._look(spans, open_places, totals)
        rungs: list[Rung] = []
        longer = Looked(0, [])
        counts: dict[int, int] = {}
        for length in sorted(looked, reverse=True):
            found = looked[length]
            if not found.followers:  # every place looked at is left out; the longer's are not
                found = longer
            if not found.followers:
                continue
            if found.followers != longer.followers:
                counts = Counter(found.followers)
            longer = found
            rungs.append(Rung(length, max(found.total, len(found.followers)), counts))
        return tuple(reversed(rungs))

    def _look(
        self,
        spans: Sequence[Sequence[Span]],
        open_places: dict[int, Places],
        totals: dict[int, int],
    ) -> dict[int, Looked]:
        """What followed at places evenly chosen from all that there are, by length."""
        steps = {length: -(-total // MOST_LOOKED_AT) for length, total in totals.items()}
        followers: dict[int, list[int]] = {length: [] for length in totals}
        at = dict.fromkeys(totals, 0)
        chosen = dict.fromkeys(totals, 0)
        for part, some in zip(self._parts, spans, strict=True):
            picks = []
            for span in some:
                step = steps[span.length]
                picks.append(np.arange(span.low + -at[span.length] % step, span.high, step))
                at[span.length] += span.high - span.low
                chosen[span.length] += len(picks[-1])
            for span, ids in zip(some, follow(part, picks), strict=True):
                followers[span.length] += ids
        for length, places in open_places.items():
            picked = places[-at[length] % steps[length] :: steps[length]]
            chosen[length] += len(picked)
            followers[length] += self._texts.followers(picked).tolist()
        return {
            length: Looked(scale(total, len(followers[length]), chosen[length]), followers[length])
            for length, total in totals.items()
        }

    def following(self, context: Sequence[int], most: int) -> tuple[int, ...]:
        """At most `most` tokens that stand after the longest match; of equal ones, the latest's.

        Matches are told apart up to LONGEST tokens. Empty where the last token stands nowhere.
        """
        latest = latest_first(context)
        best, draft = 0, list[int]()
        sources: list[tuple[Segment | OpenTexts, Places]] = []
        for part in self._parts:
            sources.append((part.segment, longest_places(part, part.segment.find(latest))))
        places = [found[-MOST_LOOKED_AT:] for found in self._texts.find(latest).values()]
        sources += [(self._texts, places[-1])] if places else []
        for source, some in sources:
            if not len(some):
                continue
            lengths = source.match_lengths(some, latest)
            last = len(some) - 1 - int(np.argmax(lengths[::-1]))
            if lengths[last] >= best:
                best, draft = int(lengths[last]), source.after(int(some[last]), most)
        return tuple(draft)


def follow(part: Part, picks: Sequence[npt.NDArray[np.int64]]) -> list[list[int]]:
    """What followed at each of some lists of indexes into a segment's order."""
    if not picks:
        return []
    segment = part.segment
    places = segment.places(np.concatenate(picks))
    ends = np.cumsum([len(some) for some in picks]).tolist()
    ids: list[int] = segment.followers(places).tolist()
    starts = [0, *ends[:-1]]
    if part.answers is None:
        return [ids[start:end] for start, end in zip(starts, ends, strict=True)]
    kept: list[bool] = part.answers[segment.texts(places)].tolist()
    return [
        [ids[place] for place in range(start, end) if kept[place]]
        for start, end in zip(starts, ends, strict=True)
    ]


def longest_places(part: Part, spans: Sequence[Span]) -> Places:
    """Places of the longest match in texts that may answer, MOST_LOOKED_AT at most."""
    for span in reversed(spans):
        step = -(-(span.high - span.low) // MOST_LOOKED_AT)
        places = part.choose(part.segment.places(np.arange(span.low, span.high, step)))
        if len(places):
            return places
    return np.empty(0, np.int64)


def scale(total: int, kept: int, chosen: int) -> int:
    """How many of all places answer, judged by those that were chosen."""
    return total if kept == chosen else round(total * kept / chosen)
