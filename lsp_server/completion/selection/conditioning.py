"""Judges candidates in the middle of a line by how likely they make its rest.

The engine computes how likely the whole line is with each beginning of each candidate, and without
any. The most likely line wins: a candidate ends where the rest of the line continues best, and
nothing is shown where the line is most likely as it is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import exp, inf, log

from lsp_server.completion.selection.candidates import truncate
from lsp_server.contract.fitting import WORDS, Gap, fitting_ends, is_word
from lsp_server.engines import Candidate, StopReason

MOST_ENDS = 8
"""Starts of a candidate that are judged: each costs the engine a short step."""
REST_WORDS = 6
"""Words and marks of the rest that are judged: later ones say little about where it begins."""

Score = Callable[[Sequence[str]], Sequence[float] | None]
"""Natural logarithms of the chances of texts after the cursor; None where it was cancelled."""


def condition(candidates: Sequence[Candidate], gap: Gap, score: Score) -> list[Candidate]:
    """The candidates, cut where the rest fits, with probabilities that know of the rest."""
    starts = {candidate: judged_ends(gap, candidate.text) for candidate in candidates}
    texts = {candidate.text[:end] for candidate, ends in starts.items() for end in ends}
    if not texts:
        return list(candidates)  # none fits: filters say so
    lines = ["", *sorted(texts)]
    scores = score([text + beginning(gap.rest) for text in lines])
    if scores is None:
        return list(candidates)  # cancelled: nobody waits for them
    best = max(scores)
    if best == -inf:
        return []  # the context has no room for any
    total = sum(exp(found - best) for found in scores)
    chances = {line: exp(s - best) / total for line, s in zip(lines, scores, strict=True)}
    judged = [judge(candidate, ends, chances) for candidate, ends in starts.items()]
    return sorted(judged, key=lambda item: -sum(item.logprobs) if item.text else inf)


def judged_ends(gap: Gap, text: str) -> list[int]:
    """Where a text may end, a blank at its end only before a word."""
    ends = fitting_ends(gap, text)
    kept = [end for end in ends if not text[end - 1].isspace() or is_word(gap.rest[0])]
    return kept[:MOST_ENDS]


def beginning(rest: str) -> str:
    """The first words and marks of the rest of a line; with the line's end if those are all."""
    words = list(WORDS.finditer(rest))
    return rest[: words[REST_WORDS - 1].end()] if len(words) > REST_WORDS else rest + "\n"


def judge(candidate: Candidate, ends: Sequence[int], chances: dict[str, float]) -> Candidate:
    """A candidate by the chances of its starts; no text where the line is likelier as it is."""
    text = candidate.text
    likeliest = max((chances[text[:end]] for end in ends), default=0.0)
    if likeliest <= chances[""]:
        return Candidate((), (), StopReason.COMPLETE)
    cut = truncate(candidate, ends[-1])
    return replace(cut, logprobs=tuple(given_rest(cut, ends, chances)))


def given_rest(
    candidate: Candidate, ends: Sequence[int], chances: dict[str, float]
) -> Iterator[float]:
    """The logarithm of each token's probability after those before it: what ends later agrees."""
    text, at, before = candidate.text, 0, 1.0
    for token in candidate.tokens:
        at += len(token)
        agreeing = sum(chances[text[:end]] for end in ends if end >= at)
        now = min(before, max(agreeing, 1e-30))
        yield log(now / before)
        before = now
