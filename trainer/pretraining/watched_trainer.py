"""A run of transformers' Trainer, or one of trl's: resumed, shown, measured and stopped in order.

checkpoints/     transformers' own; one that was not written to its end is discarded
metrics.jsonl    one line an optimizer step; tensorboard/ has the same as curves
settings.json    what the checkpoints were made with
"""

import json
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from transformers import PrinterCallback, TrainerCallback

from lsp_server.contract.records import write_record
from trainer.errors import StageError
from trainer.runtime.interrupt import StopRequest
from trainer.runtime.metrics import Metrics, MetricsLog, read_lines
from trainer.runtime.old_settings import differing, recorded
from trainer.runtime.processes import process_rank
from trainer.runtime.progress import progress_bar

CHECKPOINTS = "checkpoints"
WHOLE = "whole.json"
"""In a checkpoint that was written to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedStep:
    """What is known of an optimizer step that a trainer has taken."""

    step: int
    """Steps taken, this one included."""
    logs: Mapping[str, float]
    """The trainer's own figures: loss, learning_rate, grad_norm and whatever it adds."""
    taken: float
    """Seconds of the step, its data read."""
    seconds: float
    """Wall time of the run so far, over all sessions."""


@dataclass(frozen=True, slots=True)
class TrainerRun:
    """What a stage wants of its trainer."""

    stage: str
    steps: int
    out: Path
    measure: Callable[[LoggedStep], Metrics]
    """Every process is asked; the first one writes the answer down."""


def settings_of_all(out: Path) -> dict[str, Any]:
    """Arguments of every trainer's configuration: rows in their order, a log of each step."""
    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(out / CHECKPOINTS),
        "use_cpu": not on_gpu,
        "dataloader_pin_memory": on_gpu,
        "train_sampling_strategy": "sequential",
        "logging_steps": 1,
        "disable_tqdm": True,
        "report_to": "none",
    }


def run_trainer(run: TrainerRun, trainer: Any) -> float:
    """Train to the last step, from the newest checkpoint where there is one; gives the seconds.

    Raises StageError after an orderly stop; the checkpoint is written before.
    """
    accelerator = trainer.accelerator
    newest = newest_for_all(accelerator, run.out)
    metrics_log = (
        MetricsLog(run.out, step_of(newest)) if accelerator.is_main_process else nullcontext()
    )
    with metrics_log as log, StopRequest() as stop:
        watcher = Watcher(run, log, stop, accelerator)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(watcher)
        trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    step = trainer.state.global_step
    if watcher.stopped and step < run.steps:
        raise StageError(
            f"stopped at step {step} of {run.steps}; its checkpoint is in {run.out / CHECKPOINTS}; "
            "give the same command again to go on from there"
        )
    return watcher.seconds


class Watcher(TrainerCallback):  # type: ignore[misc]
    """What happens between two steps."""

    def __init__(
        self, run: TrainerRun, log: MetricsLog | None, stop: StopRequest, accelerator: Any
    ) -> None:
        """`log`: in the first process alone."""
        self._run, self._log, self._stop, self._accelerator = run, log, stop, accelerator
        self._before = seconds_so_far(run.out)
        self.stopped = False
        """Whether any process was asked to stop, as all of them know."""
        self._started = self._step_started = time.monotonic()
        self._bar = progress_bar(run.stage, shown=accelerator.is_main_process)
        self._task = self._bar.add_task(run.stage, total=run.steps, note="")

    @property
    def seconds(self) -> float:
        """Wall time of the run so far, over all sessions."""
        return self._before + time.monotonic() - self._started

    def on_train_begin(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Show the bar."""
        self._bar.start()
        self._step_started = time.monotonic()

    def on_train_end(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Take it away."""
        self._bar.stop()

    def on_step_end(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Leave a checkpoint and end, if asked."""
        asked = torch.tensor([float(self._stop.asked)], device=self._accelerator.device)
        self.stopped = bool(self._accelerator.gather(asked).any())
        if self.stopped:
            control.should_save = control.should_training_stop = True

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_kwargs: Any
    ) -> None:
        """Write the step's line."""
        if "loss" not in logs:
            return  # the summary at the end
        step, taken = state.global_step, time.monotonic() - self._step_started
        metrics = self._run.measure(
            LoggedStep(step=step, logs=logs, taken=taken, seconds=self.seconds)
        )
        if self._log:
            self._log.write(metrics)
        note = f"step {step} loss {float(logs['loss']):.3f} {taken:.2f} s"
        self._bar.update(self._task, completed=step, note=note)
        self._step_started = time.monotonic()

    def on_save(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Mark the checkpoint as whole, once every process has written its part."""
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write_record(folder / WHOLE, {"step": state.global_step})
        self._step_started = time.monotonic()


def newest_for_all(accelerator: Any, out: Path) -> Path | None:
    """The newest whole checkpoint of a run's folder, as the first process finds it."""
    found = [newest_checkpoint(out / CHECKPOINTS) if accelerator.is_main_process else None]
    broadcast_object_list(found)
    return found[0]


def newest_checkpoint(folder: Path) -> Path | None:
    """The whole checkpoint of the latest step; what killed writers left behind is removed."""
    found = sorted(folder.glob("checkpoint-*"), key=step_of)
    whole = [path for path in found if (path / WHOLE).exists()]
    for path in found:
        if path not in whole:
            shutil.rmtree(path)
    return whole[-1] if whole else None


def step_of(checkpoint: Path | None) -> int:
    """Optimizer steps that were taken before a checkpoint; 0 without one."""
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def seconds_so_far(out: Path) -> float:
    """Wall time of the sessions that the run's folder knows of."""
    lines = read_lines(out / "metrics.jsonl")
    return float(json.loads(lines[-1])["seconds"]) if lines else 0.0


def check_made_with(stage: str, config: Any, out: Path, may_change: Collection[str]) -> None:
    """Note what the run is made with; StageError where its checkpoints were made with other.

    `may_change`: settings by dotted name that change nothing of what is learned.
    """
    record = out / "settings.json"
    made_with = json.loads(record.read_text()) if record.exists() else recorded(config)
    keys = differing(stage, made_with, config, may_change)
    if keys:
        raise StageError(
            f"{out} was begun with other settings ({', '.join(keys)}); delete it to start over, or "
            "restore the settings"
        )
    if process_rank() == 0:
        out.mkdir(parents=True, exist_ok=True)
        write_record(record, recorded(config))
