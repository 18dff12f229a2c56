"""Runs side by side: their held-out bits are the run's own, and changes are paired over blocks."""

import json
from pathlib import Path

import numpy as np
import pytest

from trainer.errors import StageError
from trainer.model.config import ModelConfig
from trainer.pretraining.block_losses import BlockNats, change, main, measure, ratio, rows_of, tell
from trainer.pretraining.config import PretrainConfig
from trainer.pretraining.stage import run

Inputs = dict[str, Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, packed_inputs: Inputs) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "packing").symlink_to(packed_inputs["packing"])
    config = PretrainConfig(
        model=ModelConfig(preset="tiny", context=64),
        steps=3,
        batch_tokens=512,
        precision="fp32",
        eval_blocks=6,
    )
    run(config, packed_inputs, folder / "pretrain")
    return folder


def test_held_out_bits_are_those_that_the_run_itself_measured(trained: Path) -> None:
    measured = measure(trained, 6)
    told = json.loads((trained / "pretrain" / "training.json").read_text())["bits_per_byte"]
    assert ratio(measured["heldout"]) == pytest.approx(told, abs=1e-4)


def test_seen_blocks_were_trained_on_and_unseen_ones_were_not(trained: Path) -> None:
    rows = rows_of(trained, 6)
    whole = np.fromfile(trained / "packing" / "epoch-000.u16", "<u2").reshape(-1, 64)
    assert (rows["seen"][0] == whole[:6]).all()
    assert (rows["unseen"][0] == whole[-6:]).all()
    with pytest.raises(StageError, match="expected 1000000 blocks that"):
        rows_of(trained, 1_000_000)
    with pytest.raises(StageError, match="finish it first"):
        rows_of(trained.parent, 6)


def test_a_change_is_paired_over_blocks() -> None:
    lead = BlockNats(np.array([10.0, 90.0, 50.0]), np.array([10.0, 30.0, 20.0]))
    found = BlockNats(lead.nats_R - lead.units_R / 2, lead.units_R)
    value, low, high = change(found, lead)
    assert (value, low, high) == pytest.approx((-0.5, -0.5, -0.5))
    assert tell(lead, lead) == "2.5000"
    assert tell(found, lead).startswith("2.0000\n-0.5000 [")


def test_the_table_has_a_row_for_each_run(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(trained), str(trained), "--blocks", "4"])
    assert trained.name in capsys.readouterr().out
