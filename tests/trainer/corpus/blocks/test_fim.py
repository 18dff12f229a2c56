"""Where middles begin and end."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.corpus.blocks.fim import MAX_LINES_AFTER, end_after, heal, line_span, random_span

SOURCE = "def area(width, height):\n\n    size = width * height\n    \n    return size\n"


@settings(deadline=None)
@given(text=st.text(min_size=1), seed=st.integers(0, 999))
def test_a_middle_lies_inside_its_text(text: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, last = random_span(text, rng)
    assert 0 <= first <= last <= len(text)
    span = line_span(text, rng)
    if span:
        assert 0 <= span[0] <= span[1] <= len(text)


@settings(deadline=None)
@given(text=st.text(alphabet="ab \n\t", min_size=1), seed=st.integers(0, 999))
def test_a_line_span_starts_in_a_line_with_text_and_ends_at_a_line_end(
    text: str, seed: int
) -> None:
    span = line_span(text, np.random.default_rng(seed))
    if span is None:
        return
    cursor, end = span
    line = text[text.rfind("\n", 0, cursor) + 1 :].split("\n", 1)[0]
    assert line.strip()
    assert text[:cursor].split("\n")[-1].strip() or text[cursor] not in " \t"
    assert end == len(text) or text[end] == "\n"
    assert text[cursor:end].count("\n") <= MAX_LINES_AFTER


def test_a_blank_text_has_no_line_worth_completing() -> None:
    assert line_span(" \n\t\n  ", np.random.default_rng(0)) is None


def test_line_spans_take_the_rest_of_one_line_about_half_of_the_time_and_up_to_five_more() -> None:
    text = "\n".join(f"name_{number} = {number}" for number in range(400))
    rng = np.random.default_rng(0)
    spans = [line_span(text, rng) for _ in range(2000)]
    lines = Counter(text[span[0] : span[1]].count("\n") for span in spans if span)
    assert set(lines) == {0, 1, 2, 3, 4, 5}
    assert 0.45 < lines[0] / 2000 < 0.55


def test_the_end_after_more_lines_than_there_are_is_the_texts() -> None:
    first = SOURCE.index("\n")
    assert end_after(SOURCE, first, 0) == first
    assert SOURCE[first : end_after(SOURCE, first, 2)] == "\n\n    size = width * height"
    assert end_after(SOURCE, first, 50) == len(SOURCE)


def test_healing_moves_the_cursor_to_where_its_piece_begins_and_leaves_the_end() -> None:
    cursor = SOURCE.index("width *") + 3
    healed = heal((cursor, cursor + 9), SOURCE, lambda prefix: prefix[prefix.rindex(" ") :])
    assert SOURCE[slice(*healed)] == " width * heig"
