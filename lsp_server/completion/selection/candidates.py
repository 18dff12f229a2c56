"""Cuts candidates at a given number of characters."""

from dataclasses import replace
from itertools import accumulate
from math import exp

from lsp_server.engines import Candidate, StopReason
from lsp_server.engines.decoding.writer import cut

QUOTED_CHARACTERS = 60
"""Of a text, when it is told to people."""

FINISHED = frozenset((StopReason.END, StopReason.RULE))
"""Stops after which the engine would not have gone on."""


def truncate(candidate: Candidate, characters: int) -> Candidate:
    """The first `characters` of a candidate; a token that is cut in two keeps its probability."""
    if characters >= len(candidate.text):
        return candidate
    tokens = tuple(cut(candidate.tokens, characters))
    return replace(
        candidate,
        tokens=tokens,
        logprobs=candidate.logprobs[: len(tokens)],
        stop=StopReason.RULE,
    )


def drop_typed(candidate: Candidate, characters: int) -> Candidate:
    """What is left of a candidate whose first `characters` the user has typed.

    Typed tokens are certain, so their probability goes; that of a token typed halfway stays whole,
    which is too low rather than too high.
    """
    left = characters
    for index, token in enumerate(candidate.tokens):
        if left < len(token):
            tokens = (token[left:], *candidate.tokens[index + 1 :])
            return replace(candidate, tokens=tokens, logprobs=candidate.logprobs[index:])
        left -= len(token)
    return replace(candidate, tokens=(), logprobs=())


def prefix_probabilities(candidate: Candidate) -> list[float]:
    """For each token the probability that the text up to and with it is right, 0..1."""
    return [exp(total) for total in accumulate(candidate.logprobs)]


def quote(text: str) -> str:
    """A text for people, on one line: in quotes, of a long one the start."""
    return repr(text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS] + "…")


def first_line(text: str) -> str:
    """The first line of a text that is not blank, for people; a blank text in quotes."""
    return next((line.strip() for line in text.splitlines() if line.strip()), quote(text))
