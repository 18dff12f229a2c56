"""Every stage's settings, declared once: takes a recipe's values, gives checked dataclasses."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from trainer.checks import require, require_at_least
from trainer.data_config import DedupConfig as DedupConfig
from trainer.data_config import FiltersConfig as FiltersConfig
from trainer.data_config import SourcesConfig as SourcesConfig
from trainer.data_config import SourceSpec as SourceSpec
from trainer.schedule import parse_budget
from trainer.tuning_config import PpoConfig, PreferencesConfig, RewardConfig, SftConfig, TuningStage


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Station 4: byte-level BPE over the training split."""

    bundle: str = ""
    """Folder of a bundle whose tokenizer is taken as it is; `default` is the one that ships."""
    vocabulary: int = 16_384
    sample_bytes: int = 100_000_000
    """Text that the merges are learned from, documents in seeded order."""
    compare_gpt2: bool = True
    """Also train one with GPT-2's pattern on the same text, to report its bytes per token."""
    seed: int = 0

    def __post_init__(self) -> None:
        size = self.vocabulary
        require(512 <= size <= 65_536, "tokenizer.vocabulary", "512..65536", size)


@dataclass(frozen=True, kw_only=True)
class PackingConfig:
    """Station 5: documents to blocks of token ids, with fresh cuts each epoch."""

    block_tokens: int = 1024
    epochs: int = 1
    fim_rate: float = 0.5
    """Share of segments laid out for filling in the middle."""
    spm_share: float = 0.5
    """Of those, the share in suffix-prefix-middle order; the rest is prefix-suffix-middle."""
    line_span_share: float = 0.5
    """Of those, the share whose middle runs to the end of its line or of a few lines."""
    heal_share: float = 0.5
    """Of those, the share whose cursor moves back to its piece's start, as in prompts."""
    path_rate: float = 0.9
    """Share of segments that carry their path."""
    max_path_tokens: int = 32
    max_train_tokens: int = 0
    """Tokens packed for one epoch, documents in seeded order; 0 for all."""
    heldout_tokens: int = 500_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("fim_rate", "spm_share", "line_span_share", "heal_share", "path_rate"):
            require(0 <= getattr(self, name) <= 1, f"packing.{name}", "0..1", getattr(self, name))
        require_at_least(1, "packing", self, "epochs")
        require(self.block_tokens >= 64, "packing.block_tokens", "at least 64", self.block_tokens)


Preset = Literal["gpt2-124m", "tiny", "6m", "10m", "25m", "45m"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Station 6's network: a preset; the vocabulary's size comes from the tokenizer."""

    preset: Preset = "10m"
    context: int = 1024
    block_order: Literal["gpt2", "gpt1"] = "gpt2"
    """GPT presets only: layer norm before each sub-layer (gpt2) or after it (gpt1)."""
    value_embeddings: bool = False
    """llama presets: every second layer adds a learned row of each token to its values. To be
    measured: `export` does not write it."""
    bigram_rows: int = 0
    """llama presets: rows of a table that a hash of each token and the one before it is looked up
    in, and that adds to the embedding; 0 for none. Nor is this exported."""
    bigram_width: int = 64
    """Channels of that table."""

    def __post_init__(self) -> None:
        require_at_least(0, "pretrain.model", self, "bigram_rows")
        require_at_least(1, "pretrain.model", self, "bigram_width")


@dataclass(frozen=True, kw_only=True)
class EarlyConfig:
    """The first steps of pretraining, where they are smaller or read shorter texts."""

    steps: int = 0
    """Optimizer steps that are taken so; they count among `pretrain.steps`."""
    batch_tokens: int = 0
    """Tokens of such a step; 0 for `pretrain.batch_tokens`."""
    text_tokens: int = 0
    """Blocks are read in pieces of so many tokens, each without what stands before it; 0 for whole
    ones."""

    def __post_init__(self) -> None:
        require_at_least(0, "pretrain.early", self, "steps", "batch_tokens", "text_tokens")


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Station 6: next-token training. Schedules count optimizer steps."""

    model: ModelConfig = field(default_factory=ModelConfig)
    bundle: str = ""
    """Folder of a llama-style bundle whose weights are trained on, in place of fresh ones of
    `model`; `default` is the one that ships."""
    seen_tokens: int = 0
    """Tokens of the packed corpus that the bundle was trained on already: left out at first."""
    steps: int = 1000
    """0 with a bundle keeps its weights."""
    batch_tokens: int = 16_384
    """Tokens per optimizer step, over all processes and micro-batches."""
    micro_batch: int = 4
    """Blocks per forward pass and process."""
    early: EarlyConfig = field(default_factory=EarlyConfig)
    optimizer: Literal["adamw", "muon"] = "muon"
    learning_rate: float = 3e-3
    """Peak, of AdamW."""
    muon_learning_rate: float = 0.02
    """Peak, of Muon on the matrices of the blocks."""
    muon_momentum: float = 0.95
    weight_decay: float = 0.1
    """On matrices and embeddings; norms and biases are spared."""
    betas: tuple[float, float] = (0.9, 0.95)
    half_life_tokens: int = 0
    """Tokens after which AdamW's mean of squares has forgotten half, whatever the batch (Marek et
    al. 2025); 0 for `betas` as they stand."""
    bigram_learning_rate: float = 0.02
    """Peak, of Adagrad on `model.bigram_rows`: rows that no batch touched stay as they are."""
    schedule: Literal["wsd", "cosine"] = "wsd"
    warmup_steps: int = 50
    decay_share: float = 0.4
    """wsd: last share of the steps, over which the rate falls linearly to zero."""
    clip_norm: float = 1.0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """Of matrix products. auto: bf16 on an accelerator; on a processor the one that it multiplies
    faster in, as measured in the first sitting."""
    loss: Literal["whole", "chunked"] = "whole"
    """chunked: the head's gradient is made a few rows at a time; a tenth faster on a processor."""
    attention: Literal["fp32", "bf16"] = "fp32"
    """Of scores and shares on a processor; bf16 is a quarter to a third faster where its products
    are, and was not yet compared by what is learned."""
    compile: bool = False
    key_tokens: list[str] = field(default_factory=list)
    """The article's key-token weighted loss: more of these, more weight; empty is off."""
    key_token_weight: float = 1.0
    budget: str = ""
    """Wall time, such as 25m or 2h; the decay then ends on time. Empty: by steps."""
    eval_every: int = 100
    eval_blocks: int = 64
    checkpoint_every: int = 100
    keep_checkpoints: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(0 if self.bundle else 1, "pretrain", self, "steps")
        require_at_least(1, "pretrain", self, "micro_batch", "batch_tokens", "eval_every")
        require_at_least(1, "pretrain", self, "eval_blocks", "checkpoint_every", "keep_checkpoints")
        require_at_least(0, "pretrain", self, "warmup_steps", "seen_tokens", "half_life_tokens")
        parse_budget(self.budget)
        require(0 <= self.decay_share <= 1, "pretrain.decay_share", "0..1", self.decay_share)


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Station 7: ONNX graphs with an explicit KV cache; the gate that they are the same model."""

    precisions: list[Literal["int8", "int8_blocks", "int8_rows", "int4", "fp16"]] = field(
        default_factory=lambda: ["int8"]
    )
    """Graphs beside fp32; the first is what the bundle ships. `fp16` is for GPUs."""
    parity_prompts: int = 50
    parity_steps: int = 64
    exact_match_cursors: int = 1000
    """Held-out cursors over which a quantized graph is compared with fp32."""
    exact_match_tolerance: float = 2.0
    """Points of exact match that a quantized graph may lose: the 95 % interval's upper bound."""
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(1, "export", self, "parity_prompts", "parity_steps", "exact_match_cursors")
        require_at_least(0, "export", self, "exact_match_tolerance")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Station 8: what the exported model is worth, each figure with its interval."""

    cursors: int = 400
    """Seeded cursor positions in held-out repositories."""
    humaneval: str = ""
    """A JSONL(.gz) file in HumanEval's columns, or a hub dataset's name; empty skips it."""
    infilling: list[str] = field(default_factory=list)
    """JSONL(.gz) files in HumanEval-Infilling's columns."""
    safim: list[str] = field(default_factory=list)
    """JSONL(.gz) files in SAFIM's columns."""
    snippets: int = 0
    """Of training text, and as many held out: how many does it write again by heart? 0 skips it."""
    problems: int = 0
    """Problems taken of each set, in seeded order; 0 for all."""
    samples: int = 10
    """Samples for each HumanEval problem; pass@k is given for k up to it."""
    temperature: float = 0.2
    top_p: float = 0.95
    solution_tokens: int = 256
    """Tokens of one HumanEval solution or infilled text at most."""
    timeout_seconds: float = 5.0
    """Of one program in the sandbox."""
    programs: int = 2
    """Programs that run side by side."""
    threads: int = 1
    """Of the engine."""
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("cursors", "samples", "solution_tokens", "programs", "threads")
        require_at_least(1, "evaluate", self, *counts)
        require_at_least(0, "evaluate", self, "problems", "temperature", "snippets")
        seconds = self.timeout_seconds
        require(seconds > 0, "evaluate.timeout_seconds", "more than 0", seconds)
        require(0 < self.top_p <= 1, "evaluate.top_p", "more than 0, at most 1", self.top_p)
        for key in ("infilling", "safim"):
            names = [Path(name).name for name in getattr(self, key)]
            require(len(set(names)) == len(names), f"evaluate.{key}", "different file names", names)


@dataclass(frozen=True, kw_only=True)
class BundleConfig:
    """Station 9: the folder that the server loads."""

    name: str = "lory"
    version: str = "0.1.0"
    languages: list[str] = field(default_factory=lambda: ["python"])
    notes: list[str] = field(default_factory=list)
    """Paragraphs that the card adds to the training's figures: what no stage can know."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All stages' settings; a YAML file in `recipes/` gives what differs from the defaults."""

    sources: SourcesConfig = field(default_factory=SourcesConfig)
    filters: FiltersConfig = field(default_factory=FiltersConfig)
    dedup: DedupConfig = field(default_factory=DedupConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    packing: PackingConfig = field(default_factory=PackingConfig)
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    tune: list[TuningStage] = field(default_factory=list)
    """The tuning stages that are run, in their own order whatever the list's; none by default."""
    sft: SftConfig = field(default_factory=SftConfig)
    preferences: PreferencesConfig = field(default_factory=PreferencesConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    ppo: PpoConfig = field(default_factory=PpoConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    bundle: BundleConfig = field(default_factory=BundleConfig)
