"""Reward `model`: the score of a trained reward model.

It reads texts, not token ids: its tokenizer need not be the policy's. Besides the model of stage
`reward`, it loads any sequence classifier that transformers can, such as one of the hub; that reads
the text up to the cursor with the completion after it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from lsp_server.contract.prompt import Parts, load_tokenizer
from lsp_server.errors import LoryError
from trainer.alignment.reward_model.rows import FACTS
from trainer.alignment.rewards.protocol import Completion
from trainer.errors import RewardError


class Scorer(Protocol):
    """What scores completions, many at once."""

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """A number for each, in order."""
        ...


class RewardModel:
    """Entry point of the group `lory.rewards`, and a BatchReward; RewardError without a model."""

    def __init__(
        self, folder: str = "", batch: int = 16, device: str = "cpu", output: int = -1
    ) -> None:
        """`folder`: of the model, or a name on the hub; of the run's own stage unless given.

        `output`: of a classifier that has several, the one that is the score.
        """
        if not folder:
            raise RewardError(
                "reward model: expected the folder of a reward model, found none; run stage reward "
                "before, or name one: options {folder: runs/other/reward/model}"
            )
        try:
            own = (Path(folder) / FACTS).exists()
            self._scorer: Scorer = (
                OwnModel(Path(folder), batch, device)
                if own
                else Classifier(folder, batch, device, output)
            )
        except (OSError, ValueError, KeyError, RuntimeError, LoryError) as exc:
            raise RewardError(
                f"reward model: expected a reward model in {folder}, found: "
                f"{(str(exc).splitlines() or [type(exc).__name__])[0]}; run stage reward again, or "
                "name another folder"
            ) from exc

    def score_all(self, completions: Sequence[Completion]) -> list[float]:
        """The score of each completion, in order."""
        return self._scorer.score(completions) if completions else []


class OwnModel:
    """A model of stage `reward`."""

    def __init__(self, folder: Path, batch: int, device: str) -> None:
        from trainer.alignment.reward_model.rows import RewardLayout
        from trainer.alignment.reward_model.scores import load_scorer

        facts = json.loads((folder / FACTS).read_text())
        self._reads_pairs = facts["objective"] == "pairs"
        self._layout = RewardLayout(load_tokenizer(folder / "tokenizer.json"), facts["context"])
        self._model = load_scorer(folder).to(device)
        self._batch = batch

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """Completions at their cursors; as texts of their own where it learned from labels."""
        from trainer.alignment.reward_model.scores import score_rows

        return score_rows(self._model, [self._ids(item) for item in completions], self._batch)

    def _ids(self, completion: Completion) -> tuple[int, ...]:
        if not self._reads_pairs:
            return self._layout.text(completion.prefix + completion.text).ids
        parts = Parts(path=completion.path, prefix=completion.prefix, suffix=completion.suffix)
        return self._layout.completion(parts, completion.text).ids


class Classifier:
    """A sequence classifier made elsewhere, with a tokenizer of its own."""

    def __init__(self, name: str, batch: int, device: str, output: int) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(name, truncation_side="left")
        self._model = AutoModelForSequenceClassification.from_pretrained(name).to(device).eval()
        self._batch, self._output = batch, output
        longest = getattr(self._model.config, "max_position_embeddings", None)
        self._longest = min(longest or 512, self._tokenizer.model_max_length)

    def score(self, completions: Sequence[Completion]) -> list[float]:
        """The output's logit for the text up to the end of each completion."""
        import torch

        texts = [completion.prefix + completion.text for completion in completions]
        scores: list[float] = []
        for start in range(0, len(texts), self._batch):
            rows = self._tokenizer(
                texts[start : start + self._batch],
                truncation=True,
                max_length=self._longest,
                padding=True,
                return_tensors="pt",
            ).to(self._model.device)
            with torch.no_grad():
                logits = self._model(**rows).logits
            scores += logits[:, self._output].float().tolist()
        return scores
