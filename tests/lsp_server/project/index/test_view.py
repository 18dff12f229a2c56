"""What a view says is what counting every place says."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.contract.recall import LADDER, MOST_LOOKED_AT, SEPARATOR
from lsp_server.project.index.kept_ids import keep_ids
from lsp_server.project.index.open_texts import OpenTexts
from lsp_server.project.index.segment import build_segment
from lsp_server.project.index.view import Part, ProjectView

Texts = list[list[int]]
TOKENS = st.sampled_from([0, 1, 2, 255, 256, SEPARATOR - 1])
TEXTS = st.lists(
    st.lists(TOKENS, max_size=60) | st.lists(st.just(7), max_size=90), min_size=0, max_size=5
)


def view_of(parts: Sequence[Texts], texts: Texts) -> ProjectView:
    segments = [
        build_segment((number, np.array(ids, np.uint16)) for number, ids in enumerate(part))
        for part in parts
    ]
    live = OpenTexts(np.array(ids, np.uint16) for ids in texts)
    return ProjectView([Part(segment) for segment in segments], live)


def count(texts: Texts, context: Sequence[int], length: int) -> Counter[int]:
    """What followed the context's last tokens."""
    end = list(context[len(context) - length :])
    return Counter(
        ids[at]
        for ids in texts
        for at in range(length, len(ids))
        if len(context) >= length and ids[at - length : at] == end
    )


@given(parts=st.lists(TEXTS, max_size=3), texts=TEXTS, context=st.lists(TOKENS, max_size=40))
def test_rungs_are_the_counts_of_all_places(
    parts: list[Texts], texts: Texts, context: list[int]
) -> None:
    everything = [*(ids for part in parts for ids in part), *texts]
    rungs = {rung.length: rung for rung in view_of(parts, texts).rungs(context)}
    for length in LADDER:
        expected = count(everything, context, length)
        if not expected:
            assert length not in rungs
        elif expected.total() <= MOST_LOOKED_AT:
            assert rungs[length].counts == expected
            assert rungs[length].total == expected.total()
        else:
            assert rungs[length].total == expected.total()
            assert set(rungs[length].counts) <= set(expected)


@given(parts=st.lists(TEXTS, max_size=3), texts=TEXTS, data=st.data())
def test_rungs_of_a_context_that_stands_in_the_project_reach_as_far_as_it_does(
    parts: list[Texts], texts: Texts, data: st.DataObject
) -> None:
    everything = [ids for ids in (*(ids for part in parts for ids in part), *texts) if ids]
    if not everything:
        return
    chosen = data.draw(st.sampled_from(everything))
    end = data.draw(st.integers(0, len(chosen) - 1))
    rungs = view_of(parts, texts).rungs(chosen[:end])
    assert [rung.length for rung in rungs] == [step for step in LADDER if step <= end]


def test_places_above_the_cap_are_looked_at_evenly() -> None:
    first, second = [1, 2] * 3000, [1, 3] * 1000
    [rung] = view_of([[first], [second]], [[1, 4] * 1000]).rungs([1])
    assert rung.total == 5000
    looked = sum(rung.counts.values())
    assert MOST_LOOKED_AT / 2 < looked <= MOST_LOOKED_AT
    shares = [rung.counts[token] / looked for token in (2, 3, 4)]
    assert np.allclose(shares, [0.6, 0.2, 0.2], atol=0.02)


def test_no_more_places_are_looked_at_however_many_segments_hold_them() -> None:
    [rung] = view_of([[[1, 2]]] * (MOST_LOOKED_AT + 10), []).rungs([1])
    assert rung.total == MOST_LOOKED_AT + 10
    assert sum(rung.counts.values()) == rung.total / 2


def test_texts_that_may_not_answer_are_left_out_and_totals_scaled() -> None:
    segment = build_segment(
        (number, np.array(ids, np.uint16))
        for number, ids in enumerate(([1, 2] * 600, [1, 3] * 600))
    )
    view = ProjectView([Part(segment, np.array([False, True]))], OpenTexts(()))
    one, *_ = view.rungs([1])
    assert set(one.counts) == {3}
    assert 500 <= one.total <= 700
    assert view.rungs([2]) == ()
    assert set(view.rungs([3])[0].counts) == {1}


def test_a_long_match_that_answers_is_found_where_no_looked_at_shorter_one_does() -> None:
    hidden = [token for _ in range(2000) for token in (5, 1)]
    segment = build_segment(
        [(0, np.array(hidden, np.uint16)), (1, np.array([8, 9, 1, 7], np.uint16))]
    )
    view = ProjectView([Part(segment, np.array([False, True]))], OpenTexts(()))
    rungs = view.rungs([8, 9, 1])
    assert [(rung.length, dict(rung.counts)) for rung in rungs] == [(n, {7: 1}) for n in (1, 2, 3)]


@given(st.lists(st.sampled_from([-1, SEPARATOR, 70_000, 1]), max_size=6))
def test_ids_that_no_text_can_hold_match_nothing(context: list[int]) -> None:
    view = view_of([[[1, 1, 1], []], [[]]], [[], [1, 1, 1]])
    ones = 0
    for token in reversed(context):
        if token != 1:
            break
        ones += 1
    assert [rung.length for rung in view.rungs(context)] == list(range(1, min(ones, 2) + 1))


@given(texts=TEXTS, context=st.lists(TOKENS, max_size=40), beyond=st.integers(0xFFFF, 2**31))
def test_an_id_beyond_16_bits_parts_a_text_as_its_end_does(
    texts: Texts, context: list[int], beyond: int
) -> None:
    joined = [token for ids in texts for token in (*ids, beyond)]
    apart = view_of([texts], texts).rungs(context)
    segment = build_segment([(0, keep_ids(joined))])
    for view in (
        ProjectView([Part(segment)], OpenTexts(map(keep_ids, texts))),
        ProjectView(
            [Part(build_segment(enumerate(map(keep_ids, texts))))], OpenTexts([keep_ids(joined)])
        ),
    ):
        assert view.rungs(context) == apart


def test_an_empty_project_says_nothing() -> None:
    for view in (view_of([], []), view_of([[]], [[]]), view_of([[[]], [[4]]], [[4]])):
        assert view.rungs([4]) == ()
        assert view.rungs([4]) == ()
