"""Settings of the tuning stages, between pretraining and export: the only place with defaults."""

from dataclasses import dataclass, field
from typing import Any, Literal

from trainer.runtime.checks import require, require_at_least
from trainer.tasks.code_sites import SampleKind


@dataclass(frozen=True, kw_only=True)
class RewardSpec:
    """One part of a reward: a plugin of the group `lory.rewards`, and how much it counts."""

    plugin: str
    """Entry point's name, as `parses`, or that of an installed plugin."""
    weight: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the plugin."""


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """The training loop of the stages `sft` and `reward`."""

    steps: int
    batch: int = 32
    """Rows per optimizer step, over all processes and micro-batches."""
    micro_batch: int = 8
    """Rows per forward pass and process."""
    learning_rate: float
    warmup_steps: int = 20
    """The rate rises to its peak over these steps, then falls to 0 along a cosine."""
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    precision: Literal["bf16", "fp32"] = "fp32"
    eval_every: int = 100
    checkpoint_every: int = 100
    keep_checkpoints: int = 2
    seed: int = 0

    def check(self, name: str) -> None:
        """Raise RecipeError where a setting is out of range; `name` is that of the whole loop."""
        require_at_least(1, name, self, "steps", "batch", "micro_batch", "eval_every")
        require_at_least(1, name, self, "checkpoint_every", "keep_checkpoints")
        require_at_least(0, name, self, "warmup_steps", "weight_decay")
        for key in ("learning_rate", "clip_norm"):
            found = getattr(self, key)
            require(found > 0, f"{name}.{key}", "more than 0", found)


@dataclass(frozen=True, kw_only=True)
class SftConfig:
    """Supervised tuning on prompts and answers; the loss is on the answer alone."""

    kinds: list[SampleKind] = field(
        default_factory=lambda: ["docstring", "comment", "line", "block"]
    )
    """Kinds of samples, in equal numbers as far as the documents have them."""
    samples: int = 20_000
    """Samples to train on at most."""
    heldout_samples: int = 400
    """Samples of held-out repositories, on which the loss is measured."""
    per_document: int = 4
    """Samples of one kind from one document at most."""
    context: int = 512
    """Tokens of prompt and answer; longer prompts lose their beginning."""
    answer_tokens: int = 128
    """Samples with a longer answer are left out."""
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=600, learning_rate=2e-4))
    """How it is trained; a row is a sample."""

    def __post_init__(self) -> None:
        counts = ("samples", "heldout_samples", "per_document", "answer_tokens")
        require_at_least(1, "sft", self, *counts)
        require(bool(self.kinds), "sft.kinds", "one kind of sample or more", self.kinds)
        self.loop.check("sft.loop")
        check_context("sft", self.context, self.answer_tokens)


@dataclass(frozen=True, kw_only=True)
class PreferenceSpec:
    """One source of preferences: a plugin of the group `lory.preferences`, with its options."""

    plugin: str
    """Entry point's name, as `samples`, or that of an installed plugin."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the plugin."""


@dataclass(frozen=True, kw_only=True)
class PreferencesConfig:
    """Pairs and labels to learn a reward from."""

    sources: list[PreferenceSpec] = field(
        default_factory=lambda: [
            PreferenceSpec(plugin="samples"),
            PreferenceSpec(plugin="analysis"),
        ]
    )
    """Where they come from, one after the other."""
    heldout_share: float = 0.1
    """Share of prompts, drawn by hash, that no reward is trained on; of documents it is the share
    that stage dedup holds out."""
    seed: int = 0

    def __post_init__(self) -> None:
        share = self.heldout_share
        require(0 < share < 1, "preferences.heldout_share", "more than 0, less than 1", share)


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    """The trained reward model."""

    objective: Literal["pairs", "regression", "classification"] = "pairs"
    """What it learns from: pairs, or labelled text whose labels are numbers, or 0 and 1."""
    use_margins: bool = False
    """Pairs: ask for a difference of scores of at least the pair's margin."""
    context: int = 512
    """Tokens of prompt and text; longer ones lose their beginning."""
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=400, learning_rate=1e-4))
    """How it is trained; a row is a pair or a labelled text."""

    def __post_init__(self) -> None:
        self.loop.check("reward.loop")
        check_context("reward", self.context, self.context // 4)


def check_context(stage: str, context: int, answer: int) -> None:
    """Raise RecipeError where a context has no room for a prompt beside the answer."""
    require(context >= 64, f"{stage}.context", "64 or more", context)
    require(answer <= context // 2, f"{stage}.answer_tokens", "half the context or less", answer)


@dataclass(frozen=True, kw_only=True)
class PpoConfig:
    """Policy optimization against a frozen reference. Schedules count iterations of rollouts."""

    prompt_source: Literal["cursors", "openings", "problems"] = "cursors"
    """Rollouts go on at cursors in lines of code, to the line's end; with the openings of texts, to
    their end; or at the holes of problems, whose tests the reward `tests` runs."""
    problems: list[str] = field(default_factory=list)
    """JSONL(.gz) files in HumanEval's columns, or hub datasets. A benchmark that is trained on
    measures nothing any more: give others."""
    documents: int = 5000
    """Training documents that rollouts start in, at most."""
    candidates: int = 1
    """Of so many prompts one is learned from: where the scores of its rollouts differ the most."""
    longest_document: int = 40_000
    """Characters; longer documents are left out, since rewards read them whole."""
    opening_tokens: tuple[int, int] = (4, 12)
    """Fewest and most tokens of an opening."""
    stop_strings: list[str] = field(default_factory=list)
    """A rollout ends before the first of these."""
    iterations: int = 100
    rollouts: int = 64
    """Completions that are learned from in an iteration, over all processes."""
    rollouts_per_prompt: int = 4
    max_tokens: int = 32
    """Tokens of one rollout at most."""
    prompt_tokens: int = 256
    """Tokens of one prompt at most, a quarter of them for the suffix."""
    temperature: float = 1.0
    """Of the rollouts; 1 samples what the policy says."""
    epochs: int = 2
    """Passes over the rollouts of an iteration."""
    minibatches: int = 2
    """Optimizer steps in one pass."""
    micro_batch: int = 16
    """Rollouts per forward pass and process."""
    optimizer: Literal["adamw", "natural_gradient"] = "adamw"
    """`natural_gradient` steps where what the policy says changes least for what is gained, of the
    packed corpus and at the prompts; embeddings, head and norms stay as they are."""
    learning_rate: float = 2e-5
    """With `natural_gradient` a length: a step of r changes what the policy says by about r * r / 2
    nats of KL divergence a token."""
    fisher_blocks: int = 32
    """Blocks of the corpus on which `natural_gradient` measures what a step would change."""
    value_learning_rate: float = 1e-3
    """Of the value head; the trunk it shares learns at `learning_rate`."""
    warmup_steps: int = 10
    """Optimizer steps over which both rates rise: Adam's first ones go as far as they can, whatever
    the gradient says."""
    decay_share: float = 0.25
    """Share of the run, at its end, over which both rates fall to 0."""
    clip: float = 0.2
    """A token's probability ratio counts no further than 1 - clip to 1 + clip."""
    baseline: Literal["none", "leave_one_out"] = "leave_one_out"
    """What a score is compared with before the values are: with the mean score of the `others` of
    its prompt, so that an iteration does not teach which prompts are easy; or with nothing."""
    sft_coefficient: float = 0.2
    """Of the surprise, nats a token, at what a person wrote at the same prompts."""
    corpus_kl_coefficient: float = 5.0
    """Of the KL divergence from reference to policy, nats a token, on blocks of the packed corpus:
    what keeps the policy from forgetting. 0 leaves it out. From few blocks its gradient is noise:
    where `grad_norm` rises while the policy drifts, less of it, or more blocks, gains more."""
    corpus_kl_blocks: int = 1
    """Per optimizer step, over all processes."""
    whiten: bool = True
    """Advantages of an iteration get mean 0 and variance 1."""
    clip_norm: float = 1.0
    precision: Literal["bf16", "fp32"] = "fp32"
    """Of the trunk's products while it writes and learns; evaluations are in fp32."""
    kl_control: Literal["adaptive", "fixed"] = "adaptive"
    kl_coefficient: float = 0.05
    """Price of a nat of log ratio; with adaptive control where it starts."""
    kl_target: float = 1.0
    """Nats of KL from policy to reference in a whole completion, which adaptive control keeps."""
    kl_horizon: int = 1000
    """Rollouts over which the coefficient follows a lasting error by a fifth."""
    rewards: list[RewardSpec] = field(default_factory=list)
    """Parts of the reward; the model of the stage `reward` is the part `model`."""
    reward_workers: int = 2
    """Processes that rewards are asked in."""
    bits_share: float = 0.01
    """Share by which held-out bits per byte may rise before it is ended."""
    patience: int = 2
    """Evaluations in a row that show such harm before it is: of a few hundred cursors, half a point
    of exact match may be chance. Weights of none of them are kept."""
    eval_every: int = 10
    eval_cursors: int = 300
    """Held-out cursors that are completed at each evaluation."""
    test_cursors: int = 0
    """Others, which are completed only at the end, before and after: the best weights are chosen by
    evaluations, so that theirs flatter. 0 says at the end what evaluations said."""
    eval_samples: int = 0
    """Completions that are sampled besides at each cursor, before and after, at `temperature`."""
    eval_blocks: int = 64
    """Held-out blocks for bits per byte."""
    checkpoint_every: int = 10
    keep_checkpoints: int = 2
    seed: int = 0

    @property
    def prompts_per_iteration(self) -> int:
        """Of an iteration, over all processes."""
        return self.rollouts // self.rollouts_per_prompt

    def __post_init__(self) -> None:
        counts = ("iterations", "rollouts", "rollouts_per_prompt", "max_tokens", "prompt_tokens")
        require_at_least(1, "ppo", self, *counts)
        named = bool(self.problems) or self.prompt_source != "problems"
        require(named, "ppo.problems", "files of problems to start at", "none")
        require_at_least(1, "ppo", self, "epochs", "minibatches", "micro_batch", "kl_horizon")
        require_at_least(1, "ppo", self, "eval_every", "eval_cursors", "eval_blocks")
        require_at_least(1, "ppo", self, "reward_workers")
        require_at_least(0, "ppo", self, "bits_share")
        require_at_least(1, "ppo", self, "checkpoint_every", "keep_checkpoints", "documents")
        require_at_least(0, "ppo", self, "sft_coefficient", "corpus_kl_coefficient")
        require_at_least(0, "ppo", self, "warmup_steps")
        require_at_least(1, "ppo", self, "corpus_kl_blocks", "fisher_blocks")
        require_at_least(0, "ppo", self, "eval_samples", "test_cursors")
        require_at_least(1, "ppo", self, "candidates", "patience")
        if self.baseline == "leave_one_out":
            expected = "2 or more: a completion is compared with the others of its prompt"
            per_prompt = self.rollouts_per_prompt
            require(per_prompt > 1, "ppo.rollouts_per_prompt", expected, per_prompt)
        require(
            self.rollouts % self.rollouts_per_prompt == 0,
            "ppo.rollouts",
            f"a multiple of rollouts_per_prompt ({self.rollouts_per_prompt})",
            self.rollouts,
        )
        positive = ("clip", "kl_target", "temperature", "clip_norm")
        for name in positive:
            require(getattr(self, name) > 0, f"ppo.{name}", "more than 0", getattr(self, name))
        require(0 <= self.decay_share <= 1, "ppo.decay_share", "0..1", self.decay_share)
