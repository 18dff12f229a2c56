"""Writes a run's metrics as JSON lines and TensorBoard curves."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lsp_server.contract.records import write_whole

PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bf16 operations a second, by a part of the device's name; makers' data sheets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMetrics:
    """One optimizer step."""

    step: int
    """Steps taken, this one included."""
    tokens: int
    """Tokens seen, padding included."""
    loss: float
    """Nats per target, weighted as it was trained on."""
    lr: float
    """Factor on the peak rates."""
    grad_norm: float
    """Before clipping."""
    tokens_per_second: float
    seconds: float
    """Wall time of the run so far, over all sessions."""
    bits_per_byte: float | None = None
    """On held-out text; None where this step was not evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IterationMetrics:
    """One iteration of PPO, over the rollouts of all processes."""

    step: int
    """Iterations done, this one included."""
    rollouts: int
    """Written in all iterations so far."""
    reward: float
    """Mean score of the iteration's completions."""
    parts: dict[str, float]
    """Mean of each part of the reward, before its weight."""
    skipped: int
    """Completions of the iteration that have no score."""
    kl: float
    """Nats from policy to reference in a whole completion, by k3; before this iteration's steps."""
    coefficient: float
    """Price of a nat of log ratio in this iteration."""
    entropy: float
    """Nats at a token."""
    explained_variance: float
    """Share of the returns' variance that the values foresaw."""
    tokens: float
    """Of a completion, on average."""
    learning: dict[str, float]
    """Losses, clip shares and gradient norm: the fields of `ppo_learning.LearningFigures`."""
    seconds: float
    """Wall time of the run so far, over all sessions."""
    heldout: dict[str, float] | None = None
    """Greedy completions at held-out cursors; None where this iteration was not evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningMetrics:
    """One optimizer step of supervised tuning or of a reward model."""

    step: int
    """Steps taken, this one included."""
    rows: int
    """Samples, pairs or texts seen."""
    loss: float
    """Nats per answer token, per pair, or as the objective has it."""
    lr: float
    """Factor on the peak rate."""
    grad_norm: float
    """Before clipping."""
    rows_per_second: float
    seconds: float
    """Wall time of the run so far, over all sessions."""
    accuracy: float | None = None
    """Share of answer tokens or of pairs that come out right; None where nothing says so."""
    heldout_loss: float | None = None
    """None where this step was not evaluated."""


Metrics = StepMetrics | IterationMetrics | TuningMetrics


class MetricsLog:
    """Writes `metrics.jsonl` and `tensorboard/`; a resumed run replaces the steps it repeats.

    A context manager, which closes both.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.jsonl"
        kept = [line for line in read_lines(path) if json.loads(line)["step"] <= first_step]
        write_whole(path, "".join(f"{line}\n" for line in kept))
        self._file = path.open("a")
        self._curves = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)

    def write(self, metrics: Metrics) -> None:
        """Add one step or iteration."""
        record = {name: value for name, value in asdict(metrics).items() if value is not None}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        for name, value in curves_of(record).items():
            self._curves.add_scalar(name, value, metrics.step)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()
        self._curves.close()


def curves_of(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that are drawn, those of a part as `part/name`."""
    curves: dict[str, float] = {}
    for name in record.keys() - {"step", "seconds"}:
        value = record[name]
        parts = value.items() if isinstance(value, dict) else [("", value)]
        curves |= {f"{name}/{part}" if part else name: number for part, number in parts}
    return curves


def read_lines(path: Path) -> list[str]:
    """Whole lines of a JSON-lines file; one that a killed writer left unfinished is not."""
    if not path.exists():
        return []
    return [line for line in path.read_text().splitlines(keepends=False) if line.endswith("}")]


def flops_per_token(parameters: int, layers: int, width: int, tokens: int) -> float:
    """Operations of one trained token: 6 a parameter and 12 a layer, place and channel.

    Formula of Chowdhery et al. 2022 (PaLM), appendix B; `parameters` counts the tied head once.
    """
    return 6.0 * parameters + 12.0 * layers * width * tokens


def peak_flops(device_name: str) -> float | None:
    """Operations a second that the device promises; None where unknown, as for processors."""
    return next((peak for name, peak in PEAK_FLOPS.items() if name in device_name), None)
