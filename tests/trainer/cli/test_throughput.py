"""Two trainers on the same packed blocks, each in a process of its own."""

import shutil
from pathlib import Path

import pytest

from trainer.cli.throughput import in_a_process, main
from trainer.errors import StageError

RECIPE = """
pretrain:
  model: {preset: tiny, context: 64}
  steps: 8
  batch_tokens: 512
  micro_batch: 4
"""


@pytest.fixture
def run(tmp_path: Path, packed_inputs: dict[str, Path]) -> Path:
    for stage in ("tokenizer", "packing"):
        shutil.copytree(packed_inputs[stage], tmp_path / stage)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


@pytest.mark.slow
def test_both_take_their_turns_and_are_compared(
    run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    main([str(run), "--steps", "2", "--rounds", "1"])
    shown = capfd.readouterr().out
    speeds = [
        float(line.split("│")[2].replace(",", ""))
        for line in shown.splitlines()
        if line.startswith(("│ own", "│ transformers"))
    ]
    assert len(speeds) == 2
    ratio = float(shown.partition("own loop is ")[2].split()[0])
    assert ratio == pytest.approx(speeds[0] / speeds[1], abs=0.01)  # shown with two decimals
    assert not (run / "pretrain").exists()


@pytest.mark.slow
def test_a_turn_that_fails_is_an_error(run: Path) -> None:
    (run / "packing" / "packing.json").unlink()
    with pytest.raises(StageError, match="the turn of own failed"):
        in_a_process("own", "fp32", run, 1)
