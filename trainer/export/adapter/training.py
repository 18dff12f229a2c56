"""Learns an adapter step by step; a run that was broken off goes on to the bit where it stood."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainer.errors import CheckpointError
from trainer.export.adapter.lora import adapt
from trainer.export.adapter.samples import Sample, Samples

STATE, ADAPTER = "state.safetensors", "adapter.safetensors"
WARM_UP = 20
"""Steps in which the rate rises."""
KEEP_EVERY = 25
"""Steps between two checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """How an adapter is learned."""

    steps: int = 2000
    rank: int = 16
    batch: int = 4
    """Samples of a step."""
    rate: float = 6e-4
    """Of AdamW; it rises for WARM_UP steps and falls in a line to zero."""
    seed: int = 0


def train(
    model: Any, samples: Samples, config: AdapterConfig, out: Path, source: str, until: int
) -> Path:
    """Learn up to step `until` of `config.steps`, from where `out` stands; gives the adapter.

    Raises CheckpointError where `out` was begun with other settings or another model.
    """
    out.mkdir(parents=True, exist_ok=True)
    learned = adapt(model, config.rank, config.seed)
    optimizer = torch.optim.AdamW(
        learned.values(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0
    )
    facts = {"config": json.dumps(asdict(config)), "source": source}
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
