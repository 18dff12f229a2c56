"""Metrics on disk, and operations against numbers worked by hand."""

import json
from pathlib import Path

from trainer.runtime.metrics import MetricsLog, StepMetrics, flops_per_token, peak_flops, read_lines


def metrics(step: int, bits_per_byte: float | None = None) -> StepMetrics:
    return StepMetrics(
        step=step,
        tokens=step * 100,
        loss=1.0 / step,
        lr=0.5,
        grad_norm=2.0,
        tokens_per_second=10.0,
        seconds=step * 10.0,
        bits_per_byte=bits_per_byte,
    )


def steps_in(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_a_resumed_run_replaces_the_steps_that_it_repeats(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, first_step=0) as log:
        for step in (1, 2, 3, 4):
            log.write(metrics(step))
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text() + '{"step": 5, "los')
    with MetricsLog(tmp_path, first_step=2) as log:
        assert steps_in(path) == [1, 2]
        log.write(metrics(3))
    assert steps_in(path) == [1, 2, 3]
    assert list((tmp_path / "tensorboard").iterdir())


def test_bits_per_byte_is_there_only_where_it_was_measured(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, first_step=0) as log:
        log.write(metrics(1))
        log.write(metrics(2, bits_per_byte=1.25))
    first, second = (json.loads(line) for line in read_lines(tmp_path / "metrics.jsonl"))
    assert "bits_per_byte" not in first
    assert second["bits_per_byte"] == 1.25
    assert second["seconds"] == 20.0


def test_operations_of_a_token_are_six_a_parameter_and_twelve_a_layer_place_and_channel() -> None:
    assert flops_per_token(parameters=10, layers=2, width=4, tokens=8) == 60 + 12 * 2 * 4 * 8


def test_the_peak_is_known_for_accelerators_that_have_a_data_sheet() -> None:
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_flops("a processor") is None
