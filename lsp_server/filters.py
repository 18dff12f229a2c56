"""Candidate filters: takes a candidate and its cursor, gives what may be shown of it, or None.

They run in the order of the setting `filters`. A user who asks why nothing was shown is told the
filter's name, and its reason where it gives one: `explained_by`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import exp
from typing import Protocol, runtime_checkable

from lsp_server.candidates import FINISHED, prefix_probabilities, quote, truncate
from lsp_server.engines import Candidate, StopReason
from lsp_server.prompt import CLOSERS
from lsp_server.stopping import LINE_END, last_line, next_line, split

BRACKETS = {")": "(", "]": "[", "}": "{"}


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
    """The setting of that name."""


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
    best = likeliest_part(candidate)
    if best is None:
        blank = candidate.text and not candidate.text.strip()
        return f"the model has {'only white space' if blank else 'no whole word'} to suggest"
    found, least = exp(sum(best.logprobs)), context.min_probability
    return (
        f"{quote(best.text)} is {found:.0%} likely, below min_probability {least:.0%}; "
        "lower min_probability to see it"
    )


def likeliest_part(candidate: Candidate) -> Candidate | None:
    """The shortest part that could be shown; without one, what the model would have begun with."""
    for characters, _ in showable_parts(candidate):
        return truncate(candidate, characters)
    return candidate.unlikely


@explained_by(tell_unlikely)
def keep_likely_part(candidate: Candidate, context: FilterContext) -> Candidate | None:
    """The part with the most expected kept characters: probability that it is right times length.

    Only parts that are right with at least `min_probability` count. None where there is none.
    """
    best, best_gain = 0, 0.0
    for characters, probability in showable_parts(candidate):
        if probability < context.min_probability:
            break
        if probability * characters > best_gain:
            best, best_gain = characters, probability * characters
    return truncate(candidate, best) if best else None


def showable_parts(candidate: Candidate) -> Iterator[tuple[int, float]]:
    """Characters and probability of each part that could be shown: it ends where a word does.

    Where the model ended or became unsure counts as such, the token limit does not. White space
    alone is none.
    """
    chosen = candidate.stop in FINISHED or candidate.stop is StopReason.UNLIKELY
    text, characters = candidate.text, 0
    for token, probability in zip(candidate.tokens, prefix_probabilities(candidate), strict=True):
        characters += len(token)
        at_end = characters == len(text)
        ends = chosen if at_end else ends_word(text, characters)
        if ends and text[:characters].strip():
            yield characters, probability


def ends_word(text: str, at: int) -> bool:
    """Whether no word of `text` reaches over position `at`."""
    return not (is_word(text[at - 1 : at]) and is_word(text[at : at + 1]))


def is_word(character: str) -> bool:
    """Whether a character belongs to a name or a number."""
    return character.isalnum() or character == "_"


def tell_repeat(candidate: Candidate, context: FilterContext) -> str:
    """What is repeated."""
    return f"{quote(candidate.text)} stands after the cursor already"


@explained_by(tell_repeat)
def drop_repeat_of_suffix(candidate: Candidate, context: FilterContext) -> Candidate | None:
    """Cut text that the user already has right after the cursor; None where nothing is left."""
    text = candidate.text
    keep = min(keep_before_next_line(text, context), len(text))
    if keep == len(text):
        keep -= overlap_with_line(text, rest_of_line(context.suffix))
    return truncate(candidate, keep) if keep else None


def keep_before_next_line(text: str, context: FilterContext) -> int:
    """Characters of `text` before the line that stands right after the cursor's line already."""
    repeated = next_line(context.suffix)
    if not repeated or rest_of_line(context.suffix).strip():
        return len(text)
    cursor_line = last_line(context.prefix)
    for line, start, _ in split(text):
        whole = line if start else cursor_line + line
        if whole.strip() == repeated:
            return len(text[:start].rstrip("\r\n"))
    return len(text)


def rest_of_line(suffix: str) -> str:
    """What stands between the cursor and the end of its line."""
    return LINE_END.split(suffix, maxsplit=1)[0]


def overlap_with_line(text: str, rest: str) -> int:
    """Characters at the end of `text` that begin the rest of the cursor's line.

    Where that rest closes a bracket, they start where `text` closes one that it did not open. A
    part of that rest counts only if it is closing marks: a letter says nothing.
    """
    wanted = rest.rstrip()
    if wanted[:1] in BRACKETS and (closed := first_unopened(text, wanted[0])) is not None:
        return len(text) - closed
    for length in range(min(len(text), len(wanted)), 0, -1):
        shared = wanted[:length]
        if text.endswith(shared) and (shared == wanted or CLOSERS.issuperset(shared)):
            return length
    return 0


def first_unopened(text: str, closer: str) -> int | None:
    """Where `text` first closes a bracket that it did not open; None where it does not."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == BRACKETS[closer]) - (character == closer)
        if depth < 0:
            return at
    return None


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
