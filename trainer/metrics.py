"""Metrics of a training run: takes one record a step, gives JSON lines and TensorBoard curves."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

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
    """Wall time of the run so far, over all sittings."""
    bits_per_byte: float | None = None
    """On held-out text; None where this step was not evaluated."""


class MetricsLog:
    """Writes `metrics.jsonl` and `tensorboard/`; a resumed run replaces the steps it repeats.

    A context manager, which closes both.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.jsonl"
        kept = [line for line in read_lines(path) if json.loads(line)["step"] <= first_step]
        path.write_text("".join(f"{line}\n" for line in kept))
        self._file = path.open("a")
        self._curves = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)

    def write(self, metrics: StepMetrics) -> None:
        """Add one step."""
        record = {name: value for name, value in asdict(metrics).items() if value is not None}
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        for name in record.keys() - {"step", "tokens", "seconds"}:
            self._curves.add_scalar(name, record[name], metrics.step)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()
        self._curves.close()


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
