"""Learns an adapter step by step; a run that was broken off goes on to the bit where it stood."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lsp_server.contract.bundles.bundle import record_file
from trainer.errors import CheckpointError, ImportModelError
from trainer.export.adapter.config import AdapterConfig
from trainer.export.adapter.lora import adapt
from trainer.export.adapter.samples import Sample, Samples
from trainer.export.importing.sources.adapter import read_adapter

STATE, ADAPTER = "state.safetensors", "adapter.safetensors"
WARM_UP = 20
"""Steps in which the rate rises."""
KEEP_EVERY = 25
"""Steps between two checkpoints."""


@dataclass(frozen=True, slots=True)
class Run:
    """Where an adapter is learned, for which model, and with what it begins."""

    folder: Path
    source: str
    """Digest of the model's weights."""
    start: Path | None = None
    """An adapter for the same model, whose training the run continues with a fresh rate."""

    def facts(self, config: AdapterConfig) -> dict[str, str]:
        """What a run must have in common with the checkpoint that it goes on from."""
        facts = {"config": json.dumps(asdict(config)), "source": self.source}
        return facts if self.start is None else facts | {"start": record_file(self.start).sha256}


def train(model: Any, samples: Samples, config: AdapterConfig, run: Run, until: int) -> Path:
    """Learn up to step `until` of `config.steps`, from where the run stands; gives the adapter.

    Raises CheckpointError where the run was begun with other settings or another model, and
    ImportModelError for an adapter to begin with that does not fit.
    """
    learned = adapt(model, config.rank, config.seed)
    if run.start is not None:
        take_up(run.start, learned, run.source)
    facts, out = run.facts(config), run.folder
    out.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(
        learned.values(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0
    )
    first = restore(out / STATE, learned, optimizer, facts)
    model.train()
    for step in range(first, min(until, config.steps)):
        for group in optimizer.param_groups:
            group["lr"] = config.rate * share_of_rate(step, config.steps)
        drawn = range(step * config.batch, (step + 1) * config.batch)
        optimizer.zero_grad()
        loss = add_gradients(model, [samples.draw(config.seed, number) for number in drawn])
        nn.utils.clip_grad_norm_(list(learned.values()), 1.0)
        optimizer.step()
        if (step + 1) % KEEP_EVERY == 0 or step + 1 == min(until, config.steps):
            keep(out, learned, optimizer, facts, step + 1)
            sys.stderr.write(f"lory-train: step {step + 1}/{config.steps}, {loss:.3f}\n")
    return out / ADAPTER


def take_up(path: Path, learned: Mapping[str, nn.Parameter], source: str) -> None:
    """Begin with what another run learned; ImportModelError where it does not fit."""
    adapter, facts = read_adapter(path)
    if facts.get("source") != source:
        raise ImportModelError(
            f"{path}: expected an adapter for this model, found one for other weights"
        )
    expected = {name: tuple(weight.shape) for name, weight in learned.items()}
    found = {name: array.shape for name, array in adapter.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise ImportModelError(
                f"{path}: expected {name} of shape {expected.get(name)}, found "
                f"{found.get(name)}; give the --rank that it was learned with"
            )
    for name, weight in learned.items():
        weight.data.copy_(torch.from_numpy(adapter[name]))


def share_of_rate(step: int, steps: int) -> float:
    """The rate at a step, as a share of the highest."""
    return min(1.0, (step + 1) / WARM_UP) * (1 - step / steps)


def add_gradients(model: Any, batch: list[Sample]) -> float:
    """Add the gradients of the loss, the mean nats of the counted tokens; gives the loss.

    Sample by sample: none is padded, and memory holds the activations of one.
    """
    counted = sum(sample.counted for sample in batch)
    loss = 0.0
    for sample in batch:
        ids = torch.tensor(sample.ids)
        before = torch.arange(len(ids) - sample.counted, len(ids)) - 1
        with torch.autocast("cpu", torch.bfloat16):
            read = model(input_ids=ids[None], use_cache=False, logits_to_keep=before)
        nats = nn.functional.cross_entropy(read.logits[0].float(), ids[before + 1], reduction="sum")
        share = nats / counted
        share.backward()  # type: ignore[no-untyped-call]
        loss += share.item()
    return loss


def keep(
    out: Path,
    learned: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    facts: Mapping[str, str],
    step: int,
) -> None:
    """Write the run's state and the adapter, each whole or as it was."""
    from safetensors.torch import save_file

    whole = {name: weight.detach() for name, weight in learned.items()}
    state = dict(whole)
    for name, weight in learned.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            state[f"{name}.{moment}"] = optimizer.state[weight][moment]
    half = {name: weight.half() for name, weight in whole.items()}
    for path, tensors in ((out / ADAPTER, half), (out / STATE, state)):
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata={**facts, "step": str(step)})
        partial.replace(path)


def restore(
    path: Path,
    learned: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    facts: Mapping[str, str],
) -> int:
    """Take up a run's state; gives the step to go on with, 0 for a new run."""
    from safetensors import safe_open

    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as file:
        found = file.metadata()
        for name, value in facts.items():
            if found.get(name) != value:
                raise CheckpointError(
                    f"{path}: expected {name} {value}, found {found.get(name)}; "
                    "name another --run for another adapter"
                )
        step = int(found["step"])
        for name, weight in learned.items():
            weight.data.copy_(file.get_tensor(name))
            moments = {m: file.get_tensor(f"{name}.{m}") for m in ("exp_avg", "exp_avg_sq")}
            optimizer.state[weight] = {"step": torch.tensor(float(step)), **moments}
    return step
