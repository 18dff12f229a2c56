"""Sorts the positions of a token stream by the tokens that follow them.

Prefix doubling after Manber and Myers (1993), only among places that are not yet told apart after
Larsson and Sadakane (1999), to a fixed depth: code repeats itself for pages.
"""

import numpy as np
import numpy.typing as npt

FIRST_DEPTH = 4
"""Tokens in the first key: four of 16 bits."""


SuffixArray = npt.NDArray[np.int32]


def sort_places(stream: npt.NDArray[np.uint16], depth: int) -> SuffixArray:
    """Every place of the stream, by the `depth` tokens or more from there on, shape [tokens].

    Places less than `depth` tokens before the end stand in no certain order.
    """
    count = len(stream)
    order, starts = sort_keys(first_keys(stream))
    rank = np.full(count + depth, -1, np.int32)
    rank[order] = starts
    reached = FIRST_DEPTH
    while reached < depth:
        tied = np.flatnonzero(in_groups(starts)).astype(np.int32)
        if not len(tied):
            break
        places = order[tied]
        within, firsts = sort_keys(pairs(rank[places], rank[places + reached]))
        places = places[within]
        order[tied] = places
        # a group's places are neighbours in `tied` too, so its first place is at its first index
        starts[tied] = firsts = tied[firsts]
        rank[places] = firsts
        reached *= 2
    return order


def first_keys(stream: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint64]:
    """FIRST_DEPTH tokens from each place on as one number; zeros follow the end."""
    padded = np.zeros(len(stream) + FIRST_DEPTH, ">u2")
    padded[: len(stream)] = stream
    keys = np.ndarray(len(stream), ">u8", padded, strides=(2,))
    return keys.astype(np.uint64)


def pairs(upper: SuffixArray, lower: SuffixArray) -> npt.NDArray[np.uint64]:
    """Two numbers from -1 on as one that sorts as they do."""
    keys = (upper + 1).astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= (lower + 1).astype(np.uint32)
    return keys


def sort_keys(keys: npt.NDArray[np.uint64]) -> tuple[SuffixArray, SuffixArray]:
    """The order of keys, and for each in that order where the first of its equals stands."""
    order = np.argsort(keys)
    keys = keys[order]  # a caller that keeps none of its own saves their memory
    starts = np.arange(len(keys), dtype=np.int32)
    starts[1:][keys[1:] == keys[:-1]] = 0
    return order.astype(np.int32), np.maximum.accumulate(starts, out=starts)


def in_groups(starts: SuffixArray) -> npt.NDArray[np.bool_]:
    """Which elements have an equal neighbour."""
    same = starts[1:] == starts[:-1]
    found = np.zeros(len(starts), np.bool_)
    found[1:] |= same
    found[:-1] |= same
    return found
