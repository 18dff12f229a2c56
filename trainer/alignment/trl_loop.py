"""Runs a trl trainer with checkpoints, metrics and orderly stops.

    checkpoints/     transformers' own; one that was not written to its end is discarded
    metrics.jsonl    one line an optimizer step; tensorboard/ has the same as curves
    settings.json    what the checkpoints were made with

The order of the rows is fixed in advance, so that a resumed run sees the rows of an uninterrupted
run and ends with equal weights.
"""

import json
import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, PrinterCallback, TrainerCallback

from lsp_server.contract.prompt import Sentinel
from lsp_server.contract.records import write_record
from trainer.alignment.config import LoopConfig, RewardConfig, SftConfig
from trainer.errors import StageError
from trainer.runtime.checks import require
from trainer.runtime.interrupt import StopRequest
from trainer.runtime.metrics import MetricsLog, TuningMetrics, read_lines
from trainer.runtime.old_settings import differing, recorded
from trainer.runtime.processes import process_count, process_rank
from trainer.runtime.progress import progress_bar

CHECKPOINTS = "checkpoints"
WHOLE = "whole.json"
"""In a checkpoint that was written to its end."""

POOL_BATCHES = 8
"""Batches whose rows are sorted by length together, so that little of a batch is padding."""

MAY_CHANGE = ("eval_every", "checkpoint_every", "keep_checkpoints")
"""Settings that do not change what is learned."""

HeldOut = Callable[[Any], float]
"""Takes the model, gives its loss on held-out rows."""


def order_rows(lengths: Sequence[int], config: LoopConfig) -> list[int]:
    """Index of each row in the order in which `steps` batches of them are trained on.

    All rows once, then again in another order, and so on; those of a batch are about as long as
    each other, and batches come in random order.
    """
    rng = random.Random(config.seed)
    wanted, pool = config.steps * config.batch, POOL_BATCHES * config.batch
    order: list[int] = []
    while len(order) < wanted:
        epoch = list(range(len(lengths)))
        rng.shuffle(epoch)
        for start in range(0, len(epoch), pool):
            alike = sorted(epoch[start : start + pool], key=lengths.__getitem__)
            batches = [alike[at : at + config.batch] for at in range(0, len(alike), config.batch)]
            rng.shuffle(batches)
            order += [row for batch in batches for row in batch]
    return order[:wanted]


def trainer_settings(stage: str, config: LoopConfig, out: Path) -> dict[str, Any]:
    """Arguments that the trainers' configurations have in common.

    Raises RecipeError where a batch is not a whole number of micro-batches.
    """
    on_gpu, processes = torch.cuda.is_available(), process_count()
    share = config.micro_batch * processes
    expected = f"a multiple of micro_batch times processes ({share})"
    require(config.batch % share == 0, f"{stage}.loop.batch", expected, config.batch)
    return {
        "output_dir": str(out / CHECKPOINTS),
        "max_steps": config.steps,
        "per_device_train_batch_size": config.micro_batch,
        "gradient_accumulation_steps": config.batch // share,
        "learning_rate": config.learning_rate,
        "warmup_steps": config.warmup_steps,
        "lr_scheduler_type": "cosine",
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.clip_norm,
        "bf16": config.precision == "bf16",
        "use_cpu": not on_gpu,
        "dataloader_pin_memory": on_gpu,
        "activation_checkpointing": False,
        "gradient_checkpointing": None,
        "train_sampling_strategy": "sequential",
        "save_steps": config.checkpoint_every,
        "save_total_limit": config.keep_checkpoints,
        "logging_steps": 1,
        "disable_tqdm": True,
        "report_to": "none",
        "seed": config.seed,
    }


def wrap_tokenizer(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as trl wants it; only for its padding: rows are tokenized before."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=Sentinel.END.text, pad_token=Sentinel.PAD.text
    )


def train(stage: str, trainer: Any, config: LoopConfig, out: Path, heldout: HeldOut) -> float:
    """Train to the last step, from the newest checkpoint where there is one; gives the seconds.

    Raises StageError after an orderly stop; the checkpoint is written before.
    """
    accelerator = trainer.accelerator
    found = [newest_checkpoint(out / CHECKPOINTS) if accelerator.is_main_process else None]
    broadcast_object_list(found)
    newest = found[0]
    first = int(newest.name.rpartition("-")[2]) if newest else 0
    metrics_log = MetricsLog(out, first) if accelerator.is_main_process else nullcontext()
    with metrics_log as log, StopRequest() as stop:
        watcher = Watcher(stage, config, log, heldout, stop, accelerator)
        watcher.before = seconds_so_far(out)
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(watcher)
        trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    step = trainer.state.global_step
    if watcher.stopped and step < config.steps:
        raise StageError(
            f"stopped at step {step} of {config.steps}; its checkpoint is in {out / CHECKPOINTS}; "
            "give the same command again to go on from there"
        )
    return watcher.seconds


class Watcher(TrainerCallback):  # type: ignore[misc]
    """What happens between two steps."""

    def __init__(
        self,
        stage: str,
        config: LoopConfig,
        log: MetricsLog | None,
        heldout: HeldOut,
        stop: StopRequest,
        accelerator: Any,
    ) -> None:
        """`log`: in the first process alone."""
        self.config, self._log, self._heldout, self._stop = config, log, heldout, stop
        self._accelerator = accelerator
        self.before = 0.0
        """Seconds of earlier sessions."""
        self.stopped = False
        """Whether any process was asked to stop, as all of them know."""
        self._started = self._step_started = time.monotonic()
        self._bar = progress_bar(stage, shown=accelerator.is_main_process)
        self._task = self._bar.add_task(stage, total=config.steps, note="")

    @property
    def seconds(self) -> float:
        """Wall time of the run so far, over all sessions."""
        return self.before + time.monotonic() - self._started

    def on_train_begin(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Show the bar."""
        self._bar.start()

    def on_train_end(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Take it away."""
        self._bar.stop()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Note when a step began."""
        self._step_started = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Leave a checkpoint and end, if asked."""
        asked = torch.tensor([float(self._stop.asked)], device=self._accelerator.device)
        self.stopped = bool(self._accelerator.gather(asked).any())
        if self.stopped:
            control.should_save = control.should_training_stop = True

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **kwargs: Any
    ) -> None:
        """Write the step's line, with the loss on held-out rows where it is due."""
        if "loss" not in logs:
            return  # the summary at the end
        config, step = self.config, state.global_step
        accuracy = logs.get("mean_token_accuracy", logs.get("accuracy"))
        taken = time.monotonic() - self._step_started
        due = step % config.eval_every == 0
        metrics = TuningMetrics(
            step=step,
            rows=step * config.batch,
            loss=round(float(logs["loss"]), 6),
            lr=round(logs["learning_rate"] / config.learning_rate, 6),
            grad_norm=round(float(logs["grad_norm"]), 6),
            rows_per_second=round(config.batch / taken, 2),
            seconds=round(self.seconds, 2),
            accuracy=None if accuracy is None else round(accuracy, 5),
            heldout_loss=round(self._heldout(kwargs["model"]), 5) if due else None,
        )
        if self._log:
            self._log.write(metrics)
        note = f"step {step} loss {metrics.loss:.3f} {metrics.rows_per_second:.0f} rows/s"
        self._bar.update(self._task, completed=step, note=note)

    def on_save(self, args: Any, state: Any, control: Any, **_kwargs: Any) -> None:
        """Mark the checkpoint as whole, once every process has written its part."""
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write_record(folder / WHOLE, {"step": state.global_step})


def newest_checkpoint(folder: Path) -> Path | None:
    """The whole checkpoint of the latest step; what killed writers left behind is removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    whole = [path for path in found if (path / WHOLE).exists()]
    for path in found:
        if path not in whole:
            shutil.rmtree(path)
    return whole[-1] if whole else None


def seconds_so_far(out: Path) -> float:
    """Wall time of the sessions that the run's folder knows of."""
    lines = read_lines(out / "metrics.jsonl")
    return float(json.loads(lines[-1])["seconds"]) if lines else 0.0


def check_settings(stage: str, config: SftConfig | RewardConfig, out: Path) -> None:
    """Note what the run is made with; StageError where its checkpoints were made with other."""
    record = out / "settings.json"
    made_with = json.loads(record.read_text()) if record.exists() else recorded(config)
    keys = differing(stage, made_with, config, [f"{stage}.loop.{name}" for name in MAY_CHANGE])
    if keys:
        raise StageError(
            f"{out} was begun with other settings ({', '.join(keys)}); delete it to start over, or "
            "restore the settings"
        )
    if process_rank() == 0:
        out.mkdir(parents=True, exist_ok=True)
        write_record(record, recorded(config))
