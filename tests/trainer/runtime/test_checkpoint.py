"""Checkpoints: whole or not there, the newest kept, the one before safe when the disk is full."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from trainer.errors import CheckpointError
from trainer.runtime.checkpoint import (
    TrainingState,
    checkpoints,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)


def state(step: int, size: int = 1000) -> TrainingState:
    values = torch.arange(size, dtype=torch.float32) * step
    optimizer = {"state": {0: {"momentum_buffer": values / 3}}, "param_groups": [{"lr": 0.1}]}
    return TrainingState(
        step=step,
        elapsed=1.5 * step,
        fingerprint="tiny",
        model={"weight": values},
        optimizers=[optimizer],
    )


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond `size` bytes, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_state_comes_back_bit_for_bit(tmp_path: Path) -> None:
    saved = state(7)
    loaded = load_checkpoint(save_checkpoint(tmp_path, saved, keep=2))
    assert (loaded.step, loaded.elapsed, loaded.fingerprint) == (7, 10.5, "tiny")
    assert torch.equal(loaded.model["weight"], saved.model["weight"])
    momentum = loaded.optimizers[0]["state"][0]["momentum_buffer"]
    assert torch.equal(momentum, saved.optimizers[0]["state"][0]["momentum_buffer"])


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10, 9):
        save_checkpoint(tmp_path, state(step), keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000009", "step-00000010"]
    assert newest_checkpoint(tmp_path) == tmp_path / "step-00000010"


def test_a_full_disk_is_one_clear_error_and_the_checkpoint_before_still_loads(
    tmp_path: Path,
) -> None:
    before = save_checkpoint(tmp_path, state(1), keep=2)
    with (
        files_of_at_most(20_000),
        pytest.raises(CheckpointError, match="free some space and resume"),
    ):
        save_checkpoint(tmp_path, state(2, size=100_000), keep=2)
    assert newest_checkpoint(tmp_path) == before
    assert load_checkpoint(before).step == 1
    assert [path.name for path in tmp_path.iterdir()] == [before.name]


def test_what_a_killed_writer_left_is_neither_read_nor_kept(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, state(1), keep=2)
    (tmp_path / ".partial-00000002").mkdir()
    (tmp_path / ".partial-00000002" / "state.pt").write_bytes(b"half")
    found = newest_checkpoint(tmp_path)
    assert found is not None
    assert load_checkpoint(found).step == 1
    save_checkpoint(tmp_path, state(3), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001", "step-00000003"]


def test_a_damaged_checkpoint_says_which_one_to_delete(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, state(1), keep=2)
    content = (path / "state.pt").read_bytes()
    (path / "state.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match=r"step-00000001 cannot be read.*delete it to resume"):
        load_checkpoint(path)


def test_a_folder_without_checkpoints_has_no_newest(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none") is None
