"""What the PPO loop works with: policy, reference, prompts, rewards, evaluator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tokenizers import Tokenizer

from lsp_server.contract.stopping import StopRule
from trainer.alignment.ppo.learner import Corpus
from trainer.alignment.ppo.policy import Policy
from trainer.alignment.ppo.prompts import RolloutPrompt
from trainer.alignment.rewards.protocol import Completion, Scores

Scorer = Callable[[Sequence[Completion]], Scores]


class Evaluator(Protocol):
    """Measures the policy on held-out text, and says when tuning has done harm."""

    before: Mapping[str, float]
    """Figures of the weights that tuning began with."""

    def measure(self, model: Any) -> Mapping[str, float]:
        """Figures by name; `reward` is among them."""
        ...

    def harm(self, figures: Mapping[str, float]) -> str:
        """Which line was crossed since before tuning, as a sentence; "" for none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PpoParts:
    """What the loop works with."""

    policy: Policy
    reference: Policy
    """Frozen; its value head is not asked."""
    tokenizer: Tokenizer
    prompts: Sequence[RolloutPrompt]
    stop: Callable[[RolloutPrompt], StopRule]
    scorer: Scorer
    evaluator: Evaluator
    corpus: Corpus
    """Packed blocks, on which the policy is held to its reference."""
    fingerprint: str
    """Changes where a checkpoint would not fit."""
