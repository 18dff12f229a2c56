"""Measures the loss on answers alone, overall and by kind of sample.

Shapes: B samples, T tokens of the longest prompt with its answer, V vocabulary.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lsp_server.contract.prompt import Sentinel
from trainer.alignment.sft.samples import Sample
from trainer.model.objective import IGNORED

ALL = "all"


def answer_losses(model: Any, samples: Sequence[Sample], batch: int) -> dict[str, float]:
    """Nats per token of the answers, end tokens included; the model is left in its mode."""
    training = model.training
    model.eval()
    nats: dict[str, float] = defaultdict(float)
    tokens: Counter[str] = Counter()
    by_length = sorted(samples, key=lambda sample: len(sample.prompt) + len(sample.answer))
    for start in range(0, len(by_length), batch):
        part = by_length[start : start + batch]
        for sample, loss in zip(part, answer_nats(model, part), strict=True):
            for name in (ALL, sample.kind):
                nats[name] += loss
                tokens[name] += len(sample.answer)
    model.train(training)
    return {name: round(nats[name] / tokens[name], 5) for name in sorted(nats)}


@torch.no_grad()
def answer_nats(model: Any, samples: Sequence[Sample]) -> list[float]:
    """Nats of each sample's whole answer."""
    longest = max(len(sample.prompt) + len(sample.answer) for sample in samples)
    ids_BT = torch.full((len(samples), longest), int(Sentinel.PAD))
    targets_BT = torch.full_like(ids_BT, IGNORED)
    for row, sample in enumerate(samples):
        ids = torch.tensor([*sample.prompt, *sample.answer])
        ids_BT[row, : len(ids)] = ids
        targets_BT[row, len(sample.prompt) - 1 : len(ids) - 1] = ids[len(sample.prompt) :]
    ids_BT, targets_BT = ids_BT.to(model.device), targets_BT.to(model.device)
    mask_BT = (ids_BT != Sentinel.PAD).long()
    output = model.base_model(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False)
    logits_BTV = model.get_output_embeddings()(output.last_hidden_state).float()
    nats_BT: Tensor = functional.cross_entropy(
        logits_BTV.transpose(1, 2), targets_BT, ignore_index=IGNORED, reduction="none"
    )
    return [float(total) for total in nats_BT.sum(1)]
