"""Parts of a measurement: measured once, whatever interrupts it, and never mixed."""

import json
from pathlib import Path

import pytest

from lsp_server.contract.bundles.manifest import Measurement
from trainer.evaluation.resumable import join_samples, measure_part, open_parts, write_samples

ROW = Measurement(metric="m", value=1.0, low=0.5, high=1.5, n=3, unit="%", note="n")


class Counted:
    """A measure that counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, folder: Path) -> list[Measurement]:
        self.calls += 1
        write_samples(folder, [{"call": self.calls}])
        return [ROW]


def test_a_finished_part_is_not_measured_again(tmp_path: Path) -> None:
    measure = Counted()
    rows = [measure_part(open_parts(tmp_path, {"a": 1}), "x", measure) for _ in range(2)]
    assert rows == [[ROW], [ROW]]
    assert measure.calls == 1


def test_other_settings_start_all_parts_over(tmp_path: Path) -> None:
    measure = Counted()
    for value in (1, 2, 1):
        measure_part(open_parts(tmp_path, {"a": value}), "x", measure)
    assert measure.calls == 3


def test_an_interrupted_part_finds_what_it_left(tmp_path: Path) -> None:
    def interrupted(folder: Path) -> list[Measurement]:
        (folder / "half").write_text("done")
        raise KeyboardInterrupt

    def resumed(folder: Path) -> list[Measurement]:
        assert (folder / "half").read_text() == "done"
        return [ROW]

    with pytest.raises(KeyboardInterrupt):
        measure_part(open_parts(tmp_path, {}), "x", interrupted)
    assert measure_part(open_parts(tmp_path, {}), "x", resumed) == [ROW]


def test_samples_are_joined_in_the_order_of_the_parts(tmp_path: Path) -> None:
    parts = open_parts(tmp_path, {})
    for name in ("b", "a"):
        measure_part(parts, name, Counted())
    measure_part(parts, "without", lambda folder: [])
    join_samples(parts, ["a", "without", "b"], tmp_path / "samples.jsonl")
    lines = (tmp_path / "samples.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"part": "a", "call": 1},
        {"part": "b", "call": 1},
    ]
