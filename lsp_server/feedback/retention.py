"""Measures how much of an accepted text is still there later."""

from rapidfuzz.distance import LCSseq

from lsp_server.documents.text_edits import common_prefix

SHORTEST = 3
"""Characters of a piece in the middle that counts as kept: shorter ones agree by chance."""
READ = 20_000
"""Characters that are compared at most."""


def kept_characters(accepted: str, found: str) -> int:
    """Characters of `accepted` that are still in `found`, in their order.

    What both begin and end with counts as it is; of the rest, pieces that a diff finds in both.
    """
    if accepted in found:
        return len(accepted)
    head = common_prefix(accepted, found)
    accepted, found = accepted[head:], found[head:]
    tail = common_prefix(accepted[::-1], found[::-1])
    accepted, found = accepted[: len(accepted) - tail], found[: len(found) - tail]
    pieces = (
        step.src_end - step.src_start
        for step in LCSseq.opcodes(accepted, found)
        if step.tag == "equal"
    )
    return head + tail + sum(size for size in pieces if size >= SHORTEST)
