"""Points in lines and their scores, on lines worked by hand."""

from random import Random

import pytest

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.replay.points import Point, choose_points, score_point

POINT = Point(line=0, start=0, cut="abcdef  ")


def test_an_exact_answer_may_differ_in_blanks_at_its_end() -> None:
    score = score_point(POINT, [Offer("abcdef \t")])
    assert (score.shown, score.exact, score.similarity) == (True, True, 1.0)


def test_only_the_first_offer_counts() -> None:
    assert not score_point(POINT, [Offer("xyz"), Offer("abcdef")]).exact


def test_similarity_is_twice_the_matches_over_both_lengths() -> None:
    assert score_point(POINT, [Offer("abcd")]).similarity == pytest.approx(2 * 4 / (4 + 6))


def test_lines_after_the_truth_are_held_against_the_suggestion() -> None:
    score = score_point(POINT, [Offer("abcdef\nxyzuv")])
    assert not score.exact
    assert score.similarity == pytest.approx(2 * 6 / (12 + 6))


def test_nothing_shown_is_not_exact_and_not_similar() -> None:
    score = score_point(POINT, [])
    assert (score.shown, score.exact, score.similarity) == (False, False, 0.0)


def test_a_suggestion_that_rewrites_is_not_exact() -> None:
    assert not score_point(POINT, [Offer("abcdef", rewrites=2)]).exact


def test_each_line_of_code_has_one_point_with_enough_after_it() -> None:
    text = "# comment\n\n    ab = 1  \nx\nxyz\n"
    for seed in range(50):
        points = sorted(choose_points(text, 3, Random(seed)), key=lambda point: point.line)
        assert [point.line for point in points] == [2, 4]
        assert all(text.startswith(point.cut, point.start) for point in points)
        assert 15 <= points[0].start <= 18
        assert points[0].truth in ("ab = 1", "b = 1", " = 1", "= 1")
        assert points[1] == Point(4, len(text) - 4, "xyz")
