"""The candidate filters that Lory ships: likely part, repeated text, blank text.

They run in the order of the setting `filters`. A user who asks why nothing was shown is told the
filter's name, and its reason where it gives one: `explained_by`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import exp
from typing import Protocol, runtime_checkable

from lsp_server.completion.selection.candidates import (
    FINISHED,
    prefix_probabilities,
    quote,
    truncate,
)
from lsp_server.contract.fitting import (
    Gap,
    are_one_word,
    fitting_ends,
    gap_at,
    in_string,
    unrepeated,
)
from lsp_server.engines import Candidate, StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterContext:
    """What a filter may look at."""

    prefix: str
    """Text before the cursor."""
    suffix: str
    """Text after the cursor."""
    language: str
    min_probability: float
    """The setting of that name."""
    min_characters: int
    """What the setting of that name says here."""
    invoked: bool = False
    """Asked for by a person."""
    shown: tuple[str, ...] = ()
    """Texts that are on show before the candidate."""

    @property
    def gap(self) -> Gap:
        """The place in its line."""
        return gap_at(self.language, self.prefix, self.suffix)


CAUTION = 2
"""Power of a part's probability in what it is worth while one types: 1, which holds for one who
asks, counts the characters that may be expected.
Of 20 blocks of development code, 1 saved 56.9 % of the characters at an acceptance of 74.6 %, 2
57.3 % at 77.7 %, 4 57.8 % at 79.7 %. Of 5 other blocks, 1 saved 71.4 %, 2 71.0 %, 4 69.5 %, at a
rising acceptance: so not more than 2."""

INDENTATION = re.compile(r"(?<=\n)[ \t]+")

CandidateFilter = Callable[[Candidate, FilterContext], Candidate | None]
"""What the entry points of `lory.filters` name."""
Reason = Callable[[Candidate, FilterContext], str]


@runtime_checkable
class GivesReason(Protocol):
    """What a filter may have beyond being callable: it says why it has left nothing."""

    reason: Reason
    """Takes what the filter took; "; " parts what was wrong from what the user may change."""


@dataclass(frozen=True, slots=True)
class ExplainedFilter:
    """A filter that gives its reasons."""

    function: CandidateFilter
    reason: Reason

    def __call__(self, candidate: Candidate, context: FilterContext) -> Candidate | None:
        """What the function gives."""
        return self.function(candidate, context)


def explained_by(reason: Reason) -> Callable[[CandidateFilter], ExplainedFilter]:
    """Make a filter of a function, whose reasons another one gives."""
    return lambda function: ExplainedFilter(function, reason)


def tell_unlikely(candidate: Candidate, context: FilterContext) -> str:
    """How likely the candidate's first whole word is."""
    if candidate.text.strip() and not fitting_ends(context.gap, candidate.text):
        return tell_repeat(candidate, context)
    best = likeliest_part(candidate, context)
    if best is None and any(open_parts(candidate, context)):
        return f"{quote(candidate.text)} does not come to the end of its string"
    if best is None:
        blank = candidate.text and not candidate.text.strip()
        return f"the model has {'only white space' if blank else 'no whole word'} to suggest"
    found, least = exp(sum(best.logprobs)), context.min_probability
    return (
        f"{quote(best.text)} is {found:.0%} likely, below min_probability {least:.0%}; "
        "lower min_probability to see it"
    )


def likeliest_part(candidate: Candidate, context: FilterContext) -> Candidate | None:
    """The shortest part that could be shown; without one, what the model would have begun with."""
    for characters, _ in showable_parts(candidate, context):
        return truncate(candidate, characters)
    return candidate.unlikely


@explained_by(tell_unlikely)
def keep_likely_part(candidate: Candidate, context: FilterContext) -> Candidate | None:
    """The part that is worth most, by its length and how likely it is to be right.

    Only parts that are right with at least `min_probability` count. None where there is none. A
    person who asks gets one that leaves a string open, where there is no other.
    """
    for parts in (showable_parts, open_parts) if context.invoked else (showable_parts,):
        if best := best_part(candidate.text, parts(candidate, context), context):
            return truncate(candidate, best)
    return None


def best_part(text: str, parts: Iterable[tuple[int, float]], context: FilterContext) -> int:
    """Characters of the part that is worth most; 0 where none is likely enough.

    It is worth the keys that it spares but for the one that takes it, less so the more doubtful it
    is: what was left out is offered again once it is surer. Indentation is no key, as editors
    indent: so a part is worth as much with tabs as with spaces.
    """
    caution = 1 if context.invoked else CAUTION
    best, best_gain = 0, -1.0
    for characters, probability in parts:
        if probability < context.min_probability:
            break
        gain = probability**caution * (len(INDENTATION.sub("", text[:characters])) - 1)
        if gain > best_gain:
            best, best_gain = characters, gain
    return best


def showable_parts(candidate: Candidate, context: FilterContext) -> Iterator[tuple[int, float]]:
    """Characters and probability of each part that leaves no string open."""
    open_after = in_string(context.gap, candidate.text)
    return (part for part in fitting_parts(candidate, context) if not open_after[part[0]])


def open_parts(candidate: Candidate, context: FilterContext) -> Iterator[tuple[int, float]]:
    """The other parts."""
    open_after = in_string(context.gap, candidate.text)
    return (part for part in fitting_parts(candidate, context) if open_after[part[0]])


def fitting_parts(candidate: Candidate, context: FilterContext) -> Iterator[tuple[int, float]]:
    """Characters and probability of each part that could be shown: it fits, and ends a word.

    Where the model ended or became unsure counts as such, the token limit does not. White space
    alone is none, nor what another begins with. In the middle of a line it may end within a token.
    """
    chosen = candidate.stop in FINISHED or candidate.stop is StopReason.UNLIKELY
    text, inside = candidate.text, context.gap.is_inside
    fitting = fitting_ends(context.gap, text)
    begun = 0
    for token, probability in zip(candidate.tokens, prefix_probabilities(candidate), strict=True):
        end = begun + len(token)
        for at in fitting[bisect_right(fitting, begun) : bisect_right(fitting, end)]:
            ends = chosen if at == len(text) else ends_word(text, at) and (inside or at == end)
            part = text[:at].rstrip()
            if ends and part and not any(other.startswith(part) for other in context.shown):
                yield at, probability
        begun = end


def ends_word(text: str, at: int) -> bool:
    """Whether no word of `text` reaches over position `at`."""
    return not are_one_word(text[at - 1 : at], text[at : at + 1])


def tell_repeat(candidate: Candidate, context: FilterContext) -> str:
    """What it is that stands there."""
    text, rest = candidate.text, context.gap.rest
    if context.gap.splits_word:
        return "the cursor stands in the middle of a word"
    if not rest or text.strip().startswith(rest.strip()) or rest.startswith(text):
        return f"{quote(text)} stands after the cursor already"
    return f"{quote(text)} does not fit before {quote(rest)}"


@explained_by(tell_repeat)
def drop_repeat_of_suffix(candidate: Candidate, context: FilterContext) -> Candidate | None:
    """Cut what does not fit before the text behind the cursor; None where nothing is left."""
    keep = unrepeated(context.gap, context.prefix, context.suffix, candidate.text)
    return truncate(candidate, keep) if keep else None


def tell_short(candidate: Candidate, context: FilterContext) -> str:
    """What is too short."""
    text = candidate.text
    if not text.strip():
        return "there is only white space to suggest" if text else "there is no text to suggest"
    least = context.min_characters
    return f"{quote(text)} is shorter than min_characters {least}; lower min_characters to see it"


@explained_by(tell_short)
def drop_blank(candidate: Candidate, context: FilterContext) -> Candidate | None:
    """None for white space and for texts shorter than `min_characters` without it."""
    content = candidate.text.strip()
    return candidate if content and len(content) >= context.min_characters else None
