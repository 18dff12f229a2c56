"""The order of contexts: takes a stream of token ids, gives its places sorted by what begins there.

Prefix doubling after Manber and Myers (1993), only among places that are not yet told apart after
Larsson and Sadakane (1999), to a fixed depth: code repeats itself for pages.
"""

import numpy as np
import numpy.typing as npt

FIRST_DEPTH = 4
"""Tokens in the first key: four of 16 bits."""


def sort_places(stream: npt.NDArray[np.uint16], depth: int) -> npt.NDArray[np.int64]:
    """Every place of the stream, by the `depth` tokens or more from there on, shape [tokens].

    Places less than `depth` tokens before the end stand in no certain order.
    """
    count = len(stream)
    order, starts = sort_keys(first_keys(stream))
    rank = np.empty(count + depth, np.int64)
    rank[count:] = -1
    rank[order] = starts
    reached = FIRST_DEPTH
    while reached < depth:
        tied = np.flatnonzero(in_groups(starts))
        if not len(tied):
            break
        places = order[tied]
        within, firsts = sort_keys((rank[places] << 32) + (rank[places + reached] + 1))
        places = places[within]
        order[tied] = places
        # a group's places are neighbours in `tied` too, so its first place is at its first index
        starts[tied] = tied[firsts]
        rank[places] = starts[tied]
        reached *= 2
    return order


def first_keys(stream: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint64]:
    """FIRST_DEPTH tokens from each place on as one number; zeros follow the end."""
    count = len(stream)
    padded = np.zeros(count + FIRST_DEPTH, np.uint64)
    padded[:count] = stream
    keys = np.zeros(count, np.uint64)
    for offset in range(FIRST_DEPTH):
        keys <<= np.uint64(16)
        keys |= padded[offset : offset + count]
    return keys


def sort_keys(
    keys: npt.NDArray[np.uint64] | npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The order of keys, and for each in that order where the first of its equals stands."""
    order = np.argsort(keys)
    sorted_keys = keys[order]
    starts = np.arange(len(keys))
    starts[1:][sorted_keys[1:] == sorted_keys[:-1]] = 0
    return order, np.maximum.accumulate(starts)


def in_groups(starts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which elements have an equal neighbour."""
    same = starts[1:] == starts[:-1]
    found = np.zeros(len(starts), np.bool_)
    found[1:] |= same
    found[:-1] |= same
    return found
