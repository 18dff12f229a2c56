"""Parts of candidates: takes a candidate and a number of characters, gives the part."""

from dataclasses import replace
from itertools import accumulate
from math import exp

from lsp_server.engines import Candidate, StopReason


def truncate(candidate: Candidate, characters: int) -> Candidate:
    """The first `characters` of a candidate; a token that is cut in two keeps its probability."""
    if characters >= len(candidate.text):
        return candidate
    tokens: list[str] = []
    left = characters
    for token in candidate.tokens:
        if left <= 0:
            break
        tokens.append(token[:left])
        left -= len(token)
    logprobs = candidate.logprobs[: len(tokens)]
    return replace(candidate, tokens=tuple(tokens), logprobs=logprobs, stop=StopReason.RULE)


def prefix_probabilities(candidate: Candidate) -> list[float]:
    """For each token the probability that the text up to and with it is right, 0..1."""
    return [exp(total) for total in accumulate(candidate.logprobs)]
