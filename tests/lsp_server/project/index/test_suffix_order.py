"""Places are sorted by what begins there."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.project.index.suffix_order import sort_places


@given(
    ids=st.lists(st.sampled_from([0, 1, 2, 256, 65_535]), max_size=120)
    | st.integers(0, 150).map(lambda count: [3] * count),
    depth=st.integers(1, 40),
)
def test_places_are_sorted_by_at_least_so_many_tokens(ids: list[int], depth: int) -> None:
    order = sort_places(np.array(ids, np.uint16), depth).tolist()
    assert sorted(order) == list(range(len(ids)))
    whole = [place for place in order if place + depth <= len(ids)]
    keys = [ids[place : place + depth] for place in whole]
    assert keys == sorted(keys)
