"""The policy: a language model with a value head.

A prompt and its texts are one row of the model's input: a tree, whose branches share what they
begin with. So prompts, and what several texts begin with, are read once, forward and backward.

Shapes: G prompts, B = G * copies texts, P tokens of the longest prompt, T tokens of a completion
at most, Q nodes of the largest tree besides its root, S = P + Q columns, N nodes of all trees, D
channels, V vocabulary.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lsp_server.contract.prompt import Sentinel
from trainer.alignment.ppo.formulas import entropy_of
from trainer.alignment.ppo.rollouts import Continuations
from trainer.alignment.ppo.tree_reader import PaddedPrompts, positions_of, prompt_sight
from trainer.model.objective import Objective
from trainer.runtime.cpu import Precision, autocast


@dataclass(frozen=True, slots=True)
class Judged:
    """Of every token of a completion; 0 where nothing was written."""

    logprobs_BT: Tensor
    """Natural logarithms, at the temperature of the rollouts."""
    entropy_BT: Tensor
    """Nats of uncertainty about the token before it was drawn."""
    values_BT: Tensor
    """Rewards still to come, as expected before the token was drawn."""


class Policy(nn.Module):
    """A language model and a value head on its trunk."""

    def __init__(self, model: Any, temperature: float, precision: Precision = "fp32") -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.precision = precision
        self.value = nn.Linear(model.config.hidden_size, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, written: Continuations) -> tuple[Tensor, ...]:
        """Fields of Judged: each token is judged by what stands before it."""
        mask_BT = written.mask_BT
        trees = plant(written)
        with self.autocast():
            hidden_ND = read_nodes(self.model, written.prompts, trees).float()
        logits_NV = self.model.get_output_embeddings()(hidden_ND) / self.temperature
        logprobs_NV = logits_NV.log_softmax(-1)
        nodes = trees.node_BT[mask_BT]
        found = (
            logprobs_NV[nodes, written.ids_BT[mask_BT]],
            entropy_of(logprobs_NV)[nodes],
            self.value(hidden_ND).squeeze(-1)[nodes],
        )
        spread = (torch.zeros(mask_BT.shape, device=mask_BT.device) for _ in found)
        return tuple(
            all_BT.masked_scatter(mask_BT, f) for all_BT, f in zip(spread, found, strict=True)
        )

    def logits_at(self, ids_BT: Tensor, places_BT: Tensor) -> Tensor:
        """What is said of the token after each of N places in packed blocks, `[N, V]`."""
        with self.autocast():
            hidden_ND = Objective(self.model).hidden(ids_BT)[places_BT].float()
        logits_NV: Tensor = self.model.get_output_embeddings()(hidden_ND)
        return logits_NV

    def autocast(self) -> AbstractContextManager[Any]:
        """A fresh context in which the trunk's products run in `precision`; logits stay fp32.

        Those of bf16 are off by some hundredths of a nat, which the ratios of PPO would see.
        """
        return autocast(self.model.device.type, self.precision)


@dataclass(frozen=True, slots=True)
class Trees:
    """The texts of each prompt as a tree: a node stands for what some of them begin with.

    The root stands for the prompt alone. No node ends a text: nothing follows it.
    """

    ids_GQ: Tensor
    """The last token of a node's beginning; padding stands behind."""
    depth_GQ: Tensor
    """Tokens of its beginning; 0 for padding."""
    sight_GQQ: Tensor
    """True from a node to itself and to those that it goes on from; padding sees itself."""
    node_BT: Tensor
    """Number of the node that stands before a token, among the N; 0 behind a text's end."""


def plant(written: Continuations) -> Trees:
    """The trees of some texts."""
    copies, device = written.copies, written.ids_BT.device
    lengths = written.mask_BT.sum(1).tolist()
    texts = [row[:length] for row, length in zip(written.ids_BT.tolist(), lengths, strict=True)]
    groups = [texts[first : first + copies] for first in range(0, len(texts), copies)]
    node_BT = np.zeros(tuple(written.ids_BT.shape), dtype=np.int64)
    nodes: list[dict[tuple[int, int], int]] = []
    first_node = 0
    for group, its_texts in enumerate(groups):
        numbers: dict[tuple[int, int], int] = {}  # by parent and token; the root is 0
        for row, text in enumerate(its_texts, start=group * copies):
            node = 0
            for t, token in enumerate(text):
                node_BT[row, t] = first_node + node
                if t + 1 < len(text):
                    node = numbers.setdefault((node, token), len(numbers) + 1)
        nodes.append(numbers)
        first_node += len(numbers) + 1
    shape = len(groups), max(map(len, nodes))
    ids_GQ, depth_GQ = np.full(shape, int(Sentinel.PAD)), np.zeros(shape, dtype=np.int64)
    sight_GQQ = np.broadcast_to(np.eye(shape[1], dtype=bool), (*shape, shape[1])).copy()
    for group, numbers in enumerate(nodes):
        for place, (parent, token) in enumerate(numbers):
            ids_GQ[group, place], depth_GQ[group, place] = token, 1
            if parent:
                sight_GQQ[group, place] |= sight_GQQ[group, parent - 1]
                depth_GQ[group, place] += depth_GQ[group, parent - 1]
    found = (torch.from_numpy(array).to(device) for array in (ids_GQ, depth_GQ, sight_GQQ, node_BT))
    return Trees(*found)


def read_nodes(model: Any, prompts: PaddedPrompts, trees: Trees) -> Tensor:
    """What the trunk holds of each node, `[N, D]`: tree by tree, a root first."""
    mask_GP = prompts.mask_GP
    positions_GP = positions_of(mask_GP)
    longest, nodes = mask_GP.shape[1], trees.ids_GQ.shape[1]
    seen_GQP = mask_GP[:, None].expand(-1, nodes, -1)
    ahead_GPQ = mask_GP.new_zeros(len(mask_GP), longest, nodes)
    prompts_GPS = torch.cat([prompt_sight(mask_GP), ahead_GPQ], dim=2)
    nodes_GQS = torch.cat([seen_GQP, trees.sight_GQQ], dim=2)
    hidden_GSD: Tensor = model.base_model(
        input_ids=torch.cat([prompts.ids_GP, trees.ids_GQ], dim=1),
        attention_mask=torch.cat([prompts_GPS, nodes_GQS], dim=1)[:, None],
        position_ids=torch.cat([positions_GP, positions_GP[:, -1:] + trees.depth_GQ], dim=1),
        use_cache=False,
    ).last_hidden_state
    roots_G1 = mask_GP.new_ones(len(mask_GP), 1)
    return hidden_GSD[:, longest - 1 :][torch.cat([roots_G1, trees.depth_GQ > 0], dim=1)]


@torch.no_grad()
def judge(policy: Policy, written: Continuations, micro_batch: int) -> Judged:
    """What a policy says of texts, at most `micro_batch` of them at a time."""
    parts = written.split(micro_batch)
    said = [policy(written.of_prompts(chosen)) for chosen in parts]
    place = written.rows_of(torch.cat(parts)).argsort()
    return Judged(*(torch.cat(field)[place] for field in zip(*said, strict=True)))
