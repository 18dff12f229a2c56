"""Settings of the tuning stages."""

from dataclasses import dataclass, field
from typing import Any, Literal

from trainer.runtime.checks import require, require_at_least
from trainer.tasks.code_sites import SampleKind


@dataclass(frozen=True, kw_only=True)
class RewardSpec:
    """One part of the reward: a plugin of the group `lory.rewards`, and its weight."""

    plugin: str
    """The entry point's name, such as `parses`."""
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
    """Supervised fine-tuning on prompts and answers; only the answer's tokens have a loss."""

    kinds: list[SampleKind] = field(
        default_factory=lambda: ["docstring", "comment", "line", "block"]
    )
    """Kinds of samples, in equal numbers where the documents have enough of each."""
    samples: int = 20_000
    """At most so many samples to train on."""
    heldout_samples: int = 400
    """Samples of held-out repositories, for the held-out loss."""
    per_document: int = 4
    """At most so many samples of one kind from one document."""
    context: int = 512
    """Tokens of prompt and answer together; a longer prompt loses its beginning."""
    answer_tokens: int = 128
    """Samples with longer answers are left out."""
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
    """Pairs and labels that the reward model learns from."""

    sources: list[PreferenceSpec] = field(
        default_factory=lambda: [
            PreferenceSpec(plugin="samples"),
            PreferenceSpec(plugin="analysis"),
        ]
    )
    """The sources, read one after the other."""
    heldout_share: float = 0.1
    """Share of prompts, chosen by hash, that are only measured on. Documents are held out by the
    stage `dedup` instead."""
    seed: int = 0

    def __post_init__(self) -> None:
        share = self.heldout_share
        require(0 < share < 1, "preferences.heldout_share", "more than 0, less than 1", share)


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    """The trained reward model."""

    objective: Literal["pairs", "regression", "classification"] = "pairs"
    """Learn from pairs, from numbers as labels, or from the labels 0 and 1."""
    use_margins: bool = False
    """With pairs: the scores shall differ by at least the pair's margin."""
    context: int = 512
    """Tokens of prompt and text together; longer ones lose their beginning."""
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
    """Proximal policy optimization against a frozen reference; schedules count iterations."""

    prompt_source: Literal["cursors", "openings", "problems"] = "cursors"
    """What rollouts continue: lines of code from a cursor to the line's end, the openings of texts
    to their end, or the holes of problems, whose tests the reward `tests` runs."""
    problems: list[str] = field(default_factory=list)
    """JSONL(.gz) files in HumanEval's columns, or hub datasets. Do not train on a benchmark that
    you measure with."""
    documents: int = 5000
    """At most so many training documents have prompts taken from them."""
    candidates: int = 1
    """Of so many prompts, learn from the one whose rollouts' scores differ most."""
    longest_document: int = 40_000
    """Characters; longer documents are left out, because rewards read whole documents."""
    opening_tokens: tuple[int, int] = (4, 12)
    """The least and the greatest number of tokens of an opening."""
    stop_strings: list[str] = field(default_factory=list)
    """A rollout ends before the first of these strings."""
    iterations: int = 100
    rollouts: int = 64
    """Completions to learn from in one iteration, over all processes."""
    rollouts_per_prompt: int = 4
    max_tokens: int = 32
    """At most so many tokens in a rollout."""
    prompt_tokens: int = 256
    """At most so many tokens in a prompt; a quarter of them is for the suffix."""
    temperature: float = 1.0
    """Sampling temperature of rollouts; 1 leaves the policy's distribution as it is."""
    epochs: int = 2
    """Passes over the rollouts of an iteration."""
    minibatches: int = 2
    """Optimizer steps in one pass."""
    micro_batch: int = 16
    """Rollouts per forward pass and process."""
    optimizer: Literal["adamw", "natural_gradient"] = "adamw"
    """`natural_gradient` moves where the loss falls most for a given change of the predictions, on
    the packed corpus and on rollouts. It leaves embeddings, head and norms as they are."""
    learning_rate: float = 2e-5
    """With `natural_gradient` the step's length: a step of r changes the predictions by a KL
    divergence of about r * r / 2 nats a token."""
    fisher_blocks: int = 32
    """Blocks of the corpus on which `natural_gradient` estimates the Fisher matrix."""
    value_learning_rate: float = 1e-3
    """For the value head; the shared trunk learns at `learning_rate`."""
    warmup_steps: int = 10
    """Optimizer steps over which both rates rise. Adam's first steps are large whatever the
    gradient is."""
    decay_share: float = 0.25
    """Both rates fall to 0 over this last share of the run."""
    clip: float = 0.2
    """The probability ratio of a token is clipped to 1 - clip and 1 + clip."""
    baseline: Literal["none", "leave_one_out"] = "leave_one_out"
    """What is subtracted from a score: the mean score of the prompt's other rollouts, so that easy
    prompts teach nothing, or nothing."""
    sft_coefficient: float = 0.2
    """Weight of the supervised loss on what a person wrote after the same prompts."""
    corpus_kl_coefficient: float = 5.0
    """Weight of the KL divergence from reference to policy on blocks of the packed corpus, which
    keeps the policy from forgetting; 0 leaves it out. If `grad_norm` rises while the policy drifts,
    lower it or use more blocks: with few blocks its gradient is mostly noise."""
    corpus_kl_blocks: int = 1
    """Blocks per optimizer step, over all processes."""
    whiten: bool = True
    """Scale an iteration's advantages to mean 0 and variance 1."""
    clip_norm: float = 1.0
    precision: Literal["bf16", "fp32"] = "fp32"
    """Precision of the trunk in rollouts and learning; evaluations are in fp32."""
    kl_control: Literal["adaptive", "fixed"] = "adaptive"
    kl_coefficient: float = 0.05
    """Penalty per nat of log ratio; adaptive control begins with it."""
    kl_target: float = 1.0
    """KL from policy to reference, nats a completion, that adaptive control aims at."""
    kl_horizon: int = 1000
    """After so many rollouts with a large error the coefficient has changed by a fifth."""
    rewards: list[RewardSpec] = field(default_factory=list)
    """Parts of the reward; `model` is the model of the stage `reward`."""
    reward_workers: int = 2
    """Processes in which rewards run."""
    bits_share: float = 0.01
    """A run is harmful if held-out bits per byte rise by more than this share."""
    patience: int = 2
    """The run ends after so many harmful evaluations in a row: with a few hundred cursors one may
    be chance. Their weights are not kept."""
    eval_every: int = 10
    eval_cursors: int = 300
    """Held-out cursors of each evaluation."""
    test_cursors: int = 0
    """Further cursors, completed only at the end, with the weights before and after. The
    evaluations choose the best weights, so their own figures flatter; 0 reports those."""
    eval_samples: int = 0
    """Completions also sampled at each cursor, before and after, at `temperature`."""
    eval_blocks: int = 64
    """Held-out blocks for bits per byte."""
    checkpoint_every: int = 10
    keep_checkpoints: int = 2
    seed: int = 0

    @property
    def prompts_per_iteration(self) -> int:
        """Prompts of an iteration, over all processes."""
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
