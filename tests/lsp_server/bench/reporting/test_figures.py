"""Rates, intervals and latencies, on records worked by hand."""

import pytest

from lsp_server.bench.client.editor import Reply, ReplyStatus
from lsp_server.bench.client.handshake import ServerFacts
from lsp_server.bench.client.offers import Offer
from lsp_server.bench.editors.keystrokes import TypingTally
from lsp_server.bench.replay.points import PointScore
from lsp_server.bench.replay.records import BlockRecord, PointRecord, Records
from lsp_server.bench.reporting.bootstrapping import Bootstrap, Rate
from lsp_server.bench.reporting.figures import compute_figures, latency_of
from lsp_server.documents.positions import Encoding

FACTS = ServerFacts(
    name="small",
    version="1",
    encoding=Encoding.UTF16,
    incremental=True,
    trigger_characters=frozenset(),
    capabilities={},
)
SHOWN = Reply((Offer("abc"),), 0.010, ReplyStatus.ANSWERED)
EMPTY = Reply((), 0.030, ReplyStatus.ANSWERED)
LATE = Reply((), 5.0, ReplyStatus.TIMEOUT)
FAILED = Reply((), 0.020, ReplyStatus.ERROR)


def test_a_rate_is_the_sum_of_hits_over_the_sum_of_cases() -> None:
    rate = Bootstrap(seed=0, resamples=500).rate([("a", 1, 10), ("b", 5, 10), ("a", 3, 10)])
    assert rate.value == pytest.approx(9 / 30)


def test_the_interval_spans_what_whole_files_can_give() -> None:
    rate = Bootstrap(seed=0, resamples=500).rate([("a", 2, 10), ("a", 2, 10), ("b", 6, 10)])
    assert rate.low == pytest.approx(0.2)
    assert rate.high == pytest.approx(0.6)


def test_files_that_agree_leave_no_doubt() -> None:
    rate = Bootstrap(seed=0, resamples=100).rate([(str(i), 1, 4) for i in range(9)])
    assert (rate.value, rate.low, rate.high) == (0.25, 0.25, 0.25)


def test_the_interval_follows_its_seed() -> None:
    counts = [(str(i), i % 5, 7) for i in range(12)]
    assert Bootstrap(1, 200).rate(counts) == Bootstrap(1, 200).rate(counts)
    assert Bootstrap(1, 200).rate(counts) != Bootstrap(2, 200).rate(counts)


def test_nothing_to_count_is_no_rate() -> None:
    assert Bootstrap(0, 100).rate([("a", 0, 0)]) == Rate(None, None, None)


def test_a_file_without_cases_does_not_break_the_interval() -> None:
    rate = Bootstrap(0, 200).rate([("a", 0, 0), ("b", 1, 2)])
    assert (rate.value, rate.low, rate.high) == (0.5, 0.5, 0.5)


def test_a_change_is_the_later_share_less_the_earlier() -> None:
    change = Bootstrap(0, 200).change([("a", 2, 10), ("b", 1, 10)], [("a", 4, 10), ("b", 8, 20)])
    assert change.value == pytest.approx(12 / 30 - 3 / 20)
    assert change.low == pytest.approx(0.2)
    assert change.high == pytest.approx(0.3)


def test_files_that_change_alike_leave_no_doubt_however_they_differ() -> None:
    before = [(str(i), i, 10) for i in range(9)]
    change = Bootstrap(0, 100).change(before, [(file, hits + 1, 10) for file, hits, _ in before])
    bounds = (change.value, change.low, change.high)
    assert bounds == pytest.approx((0.1, 0.1, 0.1))


def test_a_share_of_nothing_has_no_change() -> None:
    assert Bootstrap(0, 100).change([("a", 1, 2)], [("a", 0, 0)]) == Rate(None, None, None)


def test_a_late_answer_counts_with_the_timeout() -> None:
    latency = latency_of([SHOWN, EMPTY, LATE])
    assert latency.p50 == pytest.approx(30)
    assert latency.p99 == pytest.approx(30 + 0.98 * 4970)


def test_point_figures_count_every_point() -> None:
    right = PointScore(shown=True, exact=True, similarity=1.0)
    wrong = PointScore(shown=True, exact=False, similarity=0.5)
    none = PointScore(shown=False, exact=False, similarity=0.0)
    pairs = [(right, SHOWN), (wrong, SHOWN), (none, LATE), (none, FAILED)]
    records = tuple(PointRecord("f", i, score, answer) for i, (score, answer) in enumerate(pairs))
    figures = compute_figures(Records(FACTS, "", records, ()), Bootstrap(0, 100))
    assert figures.typing is None
    assert figures.points is not None
    assert figures.points.exact.value == 0.25
    assert figures.points.exact_when_shown.value == 0.5
    assert figures.points.similarity == pytest.approx(0.375)
    assert figures.points.shown == 0.5
    assert (figures.points.errors, figures.points.timeouts) == (1, 1)


def test_typing_figures_sum_over_blocks_and_latencies_over_answers() -> None:
    first = BlockRecord("f", 1, TypingTally(100, 30, 8, 2), (SHOWN, EMPTY, SHOWN))
    second = BlockRecord("g", 1, TypingTally(50, 15, 2, 1), (EMPTY,))
    figures = compute_figures(Records(FACTS, "", (), (first, second)), Bootstrap(0, 100))
    assert figures.points is None
    assert figures.typing is not None
    assert figures.typing.saved.value == pytest.approx(0.3)
    assert figures.typing.acceptance.value == pytest.approx(0.3)
    assert (figures.typing.characters, figures.typing.requests) == (150, 4)
    assert figures.typing.answers_shown == 0.5
    assert figures.typing.latency.p50 == pytest.approx(20)
