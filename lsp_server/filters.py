"""Candidate filters: takes a candidate and its cursor, gives what may be shown of it, or None.

They run in the order of the setting `filters`. A filter's name is the reason that the log gives
for a candidate that is not shown.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lsp_server.candidates import FINISHED, prefix_probabilities, truncate
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


def keep_likely_part(candidate: Candidate, context: FilterContext) -> Candidate | None:
    """The part with the most expected kept characters: probability that it is right times length.

    Only parts that are right with at least `min_probability` count, and that end where a word does;
    where the model ended or became unsure counts as such, the token limit does not. None where
    there is no such part.
    """
    chosen = candidate.stop in FINISHED or candidate.stop is StopReason.UNLIKELY
    best, best_gain, characters = 0, 0.0, 0
    text = candidate.text
    for token, probability in zip(candidate.tokens, prefix_probabilities(candidate), strict=True):
        characters += len(token)
        if probability < context.min_probability:
            break
        at_end = characters == len(text)
        boundary = chosen if at_end else ends_word(text, characters)
        if boundary and probability * characters > best_gain:
            best, best_gain = characters, probability * characters
    return truncate(candidate, best) if best else None


def ends_word(text: str, at: int) -> bool:
    """Whether no word of `text` reaches over position `at`."""
    return not (is_word(text[at - 1 : at]) and is_word(text[at : at + 1]))


def is_word(character: str) -> bool:
    """Whether a character belongs to a name or a number."""
    return character.isalnum() or character == "_"


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


def drop_blank(candidate: Candidate, context: FilterContext) -> Candidate | None:
    """None for white space and for texts shorter than `min_characters` without it."""
    content = candidate.text.strip()
    return candidate if content and len(content) >= context.min_characters else None
