"""The policy: takes texts after their prompts, gives what model and value head say of each token.

Shapes: G prompts, B = G * copies texts, P tokens of the longest prompt, T tokens of a completion
at most, N tokens that were written in all of them, D channels, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.ppo_math import token_entropy, token_logprobs
from trainer.rollouts import Written, positions_of


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

    def __init__(self, model: Any, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.value = nn.Linear(model.config.hidden_size, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, written: Written) -> tuple[Tensor, ...]:
        """Fields of Judged: each token is judged by what stands before it."""
        mask_BT = written.mask_BT
        hidden_ND = read_completions(self.model, written)[mask_BT]
        logits_NV = self.model.get_output_embeddings()(hidden_ND).float() / self.temperature
        found = (
            token_logprobs(logits_NV, written.ids_BT[mask_BT]),
            token_entropy(logits_NV),
            self.value(hidden_ND.float()).squeeze(-1),
        )
        spread = (torch.zeros(mask_BT.shape, device=mask_BT.device) for _ in found)
        return tuple(
            all_BT.masked_scatter(mask_BT, f.float())
            for all_BT, f in zip(spread, found, strict=True)
        )


def read_completions(model: Any, written: Written) -> Tensor:
    """What the trunk holds before each token of a completion, `[B, T, D]`.

    A prompt is read once for all its copies, forward and backward, which is most of the work.
    """
    from transformers import DynamicCache

    prompts, cache = written.prompts, DynamicCache(config=model.config)
    positions_GP = positions_of(prompts.mask_GP)
    read = model.base_model(
        input_ids=prompts.ids_GP,
        attention_mask=prompts.mask_GP.long(),
        position_ids=positions_GP,
        past_key_values=cache,
        use_cache=True,
    )
    last_BD: Tensor = read.last_hidden_state[:, -1].repeat_interleave(written.copies, 0)
    if written.ids_BT.shape[1] == 1:
        return last_BD[:, None]
    cache.batch_repeat_interleave(written.copies)
    mask_BP = prompts.mask_GP.repeat_interleave(written.copies, 0)
    read_BS = written.mask_BT[:, :-1]
    start_B1 = positions_GP[:, -1:].repeat_interleave(written.copies, 0) + 1
    written_BSD: Tensor = model.base_model(
        input_ids=written.ids_BT[:, :-1],
        attention_mask=torch.cat([mask_BP, read_BS], dim=1).long(),
        position_ids=start_B1 + torch.arange(read_BS.shape[1], device=read_BS.device),
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    return torch.cat([last_BD[:, None], written_BSD], dim=1)


@torch.no_grad()
def judge(policy: Policy, written: Written, micro_batch: int) -> Judged:
    """What a policy says of texts, at most `micro_batch` of them at a time."""
    parts = [policy(written.of_prompts(chosen)) for chosen in written.split(micro_batch)]
    return Judged(*(torch.cat(field) for field in zip(*parts, strict=True)))
