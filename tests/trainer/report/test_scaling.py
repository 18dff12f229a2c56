"""Scaling curves: a known curve is found again, and runs that cannot be compared are refused."""

import json
from pathlib import Path

import pytest

from trainer.cli.main import ReportCommand, parse_report
from trainer.errors import StageError
from trainer.report.page import write_report
from trainer.report.scaling import Curve, Point, fit, read_points, scaling_section, spread

KNOWN = Curve(floor=0.6, factor=60.0, exponent=0.3)
TOKENS = (500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000)


def points(*tokens: int, off: float = 0.0) -> list[Point]:
    bits = [KNOWN.at(count) + off * (-1) ** n for n, count in enumerate(tokens)]
    return [Point(str(n), n, n / 2000, b) for n, b in zip(tokens, bits, strict=True)]


def write_run(folder: Path, tokens: int) -> Path:
    (folder / "pretrain").mkdir(parents=True)
    record = {"tokens": tokens, "seconds": tokens / 2000, "bits_per_byte": KNOWN.at(tokens)}
    (folder / "pretrain" / "training.json").write_text(json.dumps(record))
    return folder


def test_a_known_curve_is_found_again_and_foresees_what_it_was_not_shown() -> None:
    curve = fit(points(*TOKENS))
    assert curve.floor == pytest.approx(KNOWN.floor, abs=0.01)
    assert curve.exponent == pytest.approx(KNOWN.exponent, abs=0.01)
    assert curve.at(64_000_000) == pytest.approx(KNOWN.at(64_000_000), abs=0.003)


def test_noise_widens_the_spread_and_the_truth_lies_in_it() -> None:
    beyond = 16_000_000
    low, high = spread(points(*TOKENS, off=0.01), beyond)
    assert low <= KNOWN.at(beyond) <= high
    exact = spread(points(*TOKENS), beyond)
    assert high - low > 3 * (exact[1] - exact[0])


def test_three_runs_give_one_curve_through_them() -> None:
    three = points(*TOKENS[:3])
    assert spread(three, 10**7) == (fit(three).beyond(three[-1], 10**7),) * 2


def test_where_a_run_lies_off_the_curve_what_comes_is_told_from_the_run() -> None:
    last = Point("last", 8_000_000, 1.0, KNOWN.at(8_000_000) + 0.05)
    assert KNOWN.beyond(last, 8_000_000) == pytest.approx(last.bits)
    assert KNOWN.beyond(last, 9_000_000) - KNOWN.at(9_000_000) == pytest.approx(0.05)


def test_runs_are_put_in_the_order_of_their_tokens(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(count), count) for count in reversed(TOKENS)]
    assert [point.tokens for point in read_points(runs)] == list(TOKENS)


def test_the_report_says_what_the_next_hour_brings(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(count), count) for count in TOKENS]
    (section,) = [scaling_section(runs)]
    hour_later = TOKENS[-1] + 2000 * 3600
    row = next(row for row in section.tables[0].rows if row[0] == "one hour more")
    assert row[1] == f"{hour_later:,}"
    assert float(row[4].split()[0]) == pytest.approx(KNOWN.at(hour_later), abs=0.003)
    write_report(runs[-1], tmp_path / "page", runs[:-1])
    assert "What more compute would bring" in (tmp_path / "page" / "report.md").read_text()
    assert (tmp_path / "page" / "scaling.png").stat().st_size > 1000


def test_a_run_that_went_on_from_a_bundle_counts_what_that_had_seen(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(count), count) for count in TOKENS]
    record = {"tokens": TOKENS[-2], "seconds": 100.0, "bits_per_byte": KNOWN.at(TOKENS[-1])}
    record["seen_tokens"] = TOKENS[-1] - TOKENS[-2]
    (runs[-1] / "pretrain" / "training.json").write_text(json.dumps(record))
    last = read_points(runs)[-1]
    assert (last.tokens, last.speed) == (TOKENS[-1], TOKENS[-2] / 100)


def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(count), count) for count in TOKENS[:2]]
    with pytest.raises(StageError, match="3 runs or more"):
        read_points(runs)
    (tmp_path / "underway" / "pretrain").mkdir(parents=True)
    with pytest.raises(StageError, match="expected a run that has ended pretraining"):
        read_points([*runs, tmp_path / "underway"])


def test_the_command_line_takes_runs_beside() -> None:
    order = ReportCommand(Path("a"), Path("a/report"), (Path("b"), Path("c")))
    assert parse_report(["report", "a", "--beside", "b", "c"]) == order
