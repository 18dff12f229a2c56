"""Writes checkpoints that are complete or absent, and reads them.

A checkpoint is a folder `step-00000100` with `state.pt`, tensors and plain values only: loading it
executes nothing.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trainer.errors import CheckpointError

FILE_NAME = "state.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """All that an interrupted run needs; the rest is a function of these and of the settings."""

    step: int
    """Optimizer steps taken."""
    elapsed: float
    """Seconds of wall time spent in them, over all sessions."""
    fingerprint: str
    """What data and settings the state belongs to."""
    model: dict[str, Any]
    """The model's state dict."""
    optimizers: list[dict[str, Any]]
    """The optimizers' state dicts, in their order."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Numbers and words that a loop keeps beyond these, by name."""


def save_checkpoint(folder: Path, state: TrainingState, keep: int) -> Path:
    """Write `state` below `folder`, then remove all but the `keep` newest; gives its path.

    Raises CheckpointError where the file system refuses; the checkpoints from before are untouched.
    """
    import torch

    final = folder / f"step-{state.step:08d}"
    partial = folder / f".partial-{state.step:08d}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        discard_partial(folder)
        partial.mkdir()
        with (partial / FILE_NAME).open("wb") as file:
            torch.save(state_fields(state), file)
            file.flush()
            os.fsync(file.fileno())
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
        sync_folder(folder)
    except (OSError, RuntimeError) as exc:  # torch reports a full disk as RuntimeError
        shutil.rmtree(partial, ignore_errors=True)
        kept = newest_checkpoint(folder)
        raise CheckpointError(
            f"checkpoint of step {state.step} could not be written to {folder}: {exc}; "
            f"free some space and resume with the same command, from {kept or 'the start'}"
        ) from exc
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def load_checkpoint(path: Path) -> TrainingState:
    """The state in a checkpoint's folder, on the CPU.

    Raises CheckpointError where it is unreadable or has other fields than this version writes.
    """
    import torch

    try:
        fields = torch.load(path / FILE_NAME, map_location="cpu", weights_only=True)
        return TrainingState(**fields)
    except Exception as exc:  # damaged archives surface as many unrelated types
        raise CheckpointError(
            f"checkpoint {path} cannot be read: {exc}; delete it to resume from the one before"
        ) from exc


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the latest step below `folder`; None where there is none."""
    found = checkpoints(folder)
    return found[-1] if found else None


def checkpoints(folder: Path) -> list[Path]:
    """Finished checkpoints, the oldest first."""
    return sorted(folder.glob("step-*"))


def discard_partial(folder: Path) -> None:
    """Remove what writers that were killed left behind."""
    for partial in folder.glob(".partial-*"):
        shutil.rmtree(partial)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def state_fields(state: TrainingState) -> dict[str, Any]:
    """Fields by name, tensors not copied."""
    return {name: getattr(state, name) for name in TrainingState.__dataclass_fields__}
