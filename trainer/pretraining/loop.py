"""The pretraining loop.

Everything random is a function of seed, step and process, and so is the data's place. A checkpoint
holds weights, optimizer states, step and elapsed time, and a resumed run repeats the same bits on a
processor.
"""

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainer.errors import StageError
from trainer.model.heldout import HeldOut, bits_per_byte, sum_nats
from trainer.model.objective import Objective
from trainer.pretraining.batches import Batches, accumulation, block_weights, check_early
from trainer.pretraining.config import PretrainConfig
from trainer.pretraining.optimizer import build_optimizers, set_memory, set_rates
from trainer.pretraining.schedule import parse_budget, rate_factor, run_progress
from trainer.runtime.checkpoint import (
    TrainingState,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from trainer.runtime.cpu import autocast
from trainer.runtime.interrupt import StopRequest
from trainer.runtime.metrics import MetricsLog, StepMetrics
from trainer.runtime.progress import progress_bar


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What a run learns from and is measured on."""

    batches: Batches
    heldout: HeldOut
    key_ids: list[int]
    """Tokens of the weighted loss; empty for none."""
    fingerprint: str
    """Changes where a checkpoint would not fit."""


class TrainingLoop:
    """One run in this process, one of `accelerator.num_processes` that walk in step."""

    def __init__(
        self, config: PretrainConfig, data: TrainingData, model: Any, accelerator: Any, out: Path
    ) -> None:
        self.config, self.data, self.model = config, data, model
        self.accelerator, self.out = accelerator, out
        self.budget = parse_budget(config.budget)
        accumulation(config, data.batches.block_tokens, accelerator.num_processes)
        check_early(config.early, data.batches.block_tokens, accelerator.num_processes)
        self.objective = Objective(model, config.loss == "chunked").to(accelerator.device)
        self.optimizers = build_optimizers(model, config)
        self.step = 0
        self.elapsed = 0.0
        self.resume()
        self.parallel = accelerator.prepare_model(self.objective)
        self.call: Callable[..., Any] = (
            torch.compile(self.parallel, dynamic=False) if config.compile else self.parallel
        )

    def resume(self) -> None:
        """Take up the newest checkpoint of the run's folder, if there is one.

        Raises StageError where it was made from other data or with settings that do not fit.
        """
        path = newest_checkpoint(self.out / "checkpoints")
        if path is None:
            return
        state = load_checkpoint(path)
        if state.fingerprint != self.data.fingerprint:
            raise StageError(
                f"{path} was made with {state.fingerprint}, this run has {self.data.fingerprint}; "
                f"delete {self.out} to start over, or restore the settings"
            )
        self.model.load_state_dict(state.model)
        for optimizer, saved in zip(self.optimizers, state.optimizers, strict=True):
            peaks = [group["peak"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["peak"] = peak
        self.step, self.elapsed = state.step, state.elapsed

    def train(self) -> float:
        """Run to the end of the schedule; gives bits per byte on the held-out blocks.

        Raises StageError after a stop by signal; the checkpoint is written before.
        """
        main = self.accelerator.is_main_process
        metrics_log = MetricsLog(self.out, self.step) if main else nullcontext()
        self.objective.train()
        with metrics_log as log, StopRequest() as stop, progress_bar("pretrain", shown=main) as bar:
            first = "compiling the first step: minutes" if self.config.compile else ""
            task = bar.add_task("pretrain", total=1.0, note=first)
            before, started = self.elapsed, time.monotonic()
            while True:
                elapsed, stopped = self.agree(before + time.monotonic() - started, stop.asked)
                self.elapsed = elapsed
                progress = run_progress(self.step, self.config.steps, elapsed, self.budget)
                if stopped:
                    self.stop()
                if progress >= 1:
                    break
                metrics = self.take_step(progress, elapsed)
                if log:
                    log.write(metrics)
                bar.update(task, completed=progress, note=describe(metrics))
                if self.step % self.config.checkpoint_every == 0:
                    self.save()
        self.save()
        return self.evaluate()

    def take_step(self, progress: float, elapsed: float) -> StepMetrics:
        """One optimizer step and, where it is due, an evaluation."""
        config, started = self.config, time.monotonic()
        factor = rate_factor(
            config.schedule, self.step, progress, config.warmup_steps, config.decay_share
        )
        set_rates(self.optimizers, factor)
        tokens = self.data.batches.tokens_before(self.step + 1)
        batch_tokens = tokens - self.data.batches.tokens_before(self.step)
        set_memory(self.optimizers, batch_tokens, config.half_life_tokens)
        loss = self.accumulate()
        norm = torch.nn.utils.clip_grad_norm_(self.objective.parameters(), config.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        seconds = time.monotonic() - started
        due = self.step % config.eval_every == 0
        return StepMetrics(
            step=self.step,
            tokens=tokens,
            loss=round(loss, 6),
            lr=round(factor, 6),
            grad_norm=round(float(norm), 6),
            tokens_per_second=round(batch_tokens / seconds, 1),
            seconds=round(elapsed + seconds, 2),
            bits_per_byte=self.evaluate() if due else None,
        )

    def accumulate(self) -> float:
        """Gradients of the step's batch, over all micro-batches and processes; gives its loss."""
        accelerator, world = self.accelerator, self.accelerator.num_processes
        torch.manual_seed((self.config.seed + self.step) * world + accelerator.process_index)
        rows = self.data.batches.at(self.step)
        weights = block_weights(rows, self.data.key_ids, self.config.key_token_weight)
        share = np.array_split(np.arange(len(rows)), world)[accelerator.process_index]
        together = self.config.micro_batch * self.data.batches.block_tokens
        micro_batches = math.ceil(rows[share].size / together)
        total = torch.zeros((), device=accelerator.device)
        for number, part in enumerate(np.array_split(share, micro_batches)):
            last = number == micro_batches - 1
            ids_BT = torch.from_numpy(rows[part].astype(np.int64)).to(accelerator.device)
            weights_B = torch.from_numpy(weights[part]).to(accelerator.device)
            with nullcontext() if last else accelerator.no_sync(self.parallel):
                with self.autocast():
                    loss = self.call(ids_BT, weights_B)
                # Parallel processes average their gradients; the weights are those of a sum.
                (loss * world).backward()
            total += loss.detach()
        return float(accelerator.reduce(total, reduction="sum"))

    def autocast(self) -> AbstractContextManager[Any]:
        """A fresh context in which matrix products run in the precision of the settings."""
        return autocast(self.accelerator.device.type, self.config.precision)

    def evaluate(self) -> float:
        """Bits per byte on the held-out blocks."""
        return heldout_bits(self.objective, self.data.heldout, self.config, self.accelerator)

    def agree(self, elapsed: float, stop: bool) -> tuple[float, bool]:
        """The first process's clock, and whether any process was asked to stop."""
        mine = torch.tensor([elapsed, float(stop)], dtype=torch.float64)
        every = self.accelerator.gather(mine.to(self.accelerator.device)).view(-1, 2)
        return float(every[0, 0]), bool(every[:, 1].any())

    def save(self) -> None:
        """Write a checkpoint, once for all processes."""
        if self.accelerator.is_main_process:
            state = TrainingState(
                step=self.step,
                elapsed=self.elapsed,
                fingerprint=self.data.fingerprint,
                model=self.model.state_dict(),
                optimizers=[optimizer.state_dict() for optimizer in self.optimizers],
            )
            save_checkpoint(self.out / "checkpoints", state, self.config.keep_checkpoints)
        self.accelerator.wait_for_everyone()

    def stop(self) -> None:
        """Write a checkpoint and raise the StageError that says how to go on."""
        self.save()
        raise StageError(
            f"pretrain stopped at step {self.step} as asked; checkpoint written to "
            f"{self.out / 'checkpoints'}; give the same command again to go on from there"
        )


def heldout_bits(
    objective: Objective, heldout: HeldOut, config: PretrainConfig, accelerator: Any
) -> float:
    """Bits per byte on the held-out blocks, which the processes share."""
    rows = heldout.rows[accelerator.process_index :: accelerator.num_processes]
    in_precision = partial(autocast, accelerator.device.type, config.precision)
    nats = sum_nats(objective, rows, config.micro_batch, in_precision)
    total = torch.tensor(nats, dtype=torch.float64, device=accelerator.device)
    total = accelerator.reduce(total, reduction="sum")
    return round(bits_per_byte(float(total), int(heldout.text_bytes.sum())), 5)


def describe(metrics: StepMetrics) -> str:
    """A step's figures for the progress bar."""
    return f"step {metrics.step} loss {metrics.loss:.3f} {metrics.tokens_per_second:.0f} tok/s"
