"""Settings of the stages that make a corpus."""

from dataclasses import dataclass, field
from typing import Any

from trainer.runtime.checks import require, require_at_least


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """One source: a plugin of the group `lory.sources` and what it is called with."""

    plugin: str
    """Entry point's name: folder, git, repositories, distributions, dataset, or another."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the plugin, such as `path: src/`."""


@dataclass(frozen=True, kw_only=True)
class SourcesConfig:
    """Station 1: documents from folders, git repositories, distributions and datasets."""

    sources: list[SourceSpec] = field(default_factory=list)
    suffixes: list[str] = field(default_factory=lambda: [".py"])
    """File name endings that are read; for another language than Python, those of its table."""
    max_file_bytes: int = 1_000_000
    """Larger files are counted and left out unread."""
    max_repository_bytes: int = 0
    """Bytes of text taken from one repository, files in seeded order; 0 for no cap."""
    max_repository_files: int = 500_000
    """Files and folders of one git repository that are looked at."""
    seed: int = 0

    def __post_init__(self) -> None:
        require_at_least(1, "sources", self, "max_file_bytes", "max_repository_files")


@dataclass(frozen=True, kw_only=True)
class FiltersConfig:
    """Station 2: which documents stay, each decision with its reason. CodeParrot's heuristics."""

    max_line_length: int = 1000
    max_mean_line_length: float = 100.0
    min_alphanumeric_share: float = 0.25
    drop_generated: bool = True
    """Documents whose first lines say that a program wrote them."""
    keep_test_share: float = 1.0
    """Share of test and configuration files that stays, drawn by hash; 0 drops them all."""
    drop_foreign: bool = True
    """Files whose path says that nobody wrote them there, or that they declare alone: vendored,
    bundled, generated ones; which, the table of languages says."""
    licences: list[str] = field(default_factory=list)
    """Licences that are allowed, compared in lower case; empty allows all."""
    drop_secrets: bool = True
    must_parse: bool = False
    """Drop what Python's parser refuses; of Python's files alone."""
    keywords: list[str] = field(default_factory=list)
    """When given, only documents with one of these words stay (the article's library filter)."""
    workers: int = 2
    """Processes that judge documents."""

    def __post_init__(self) -> None:
        share = self.keep_test_share
        require(0 <= share <= 1, "filters.keep_test_share", "0..1", share)
        require(self.workers > 0, "filters.workers", "more than 0", self.workers)


@dataclass(frozen=True, kw_only=True)
class DedupConfig:
    """Station 3: duplicates, decontamination, split by repository, ledger."""

    jaccard: float = 0.85
    permutations: int = 128
    shingle_tokens: int = 5
    """Words in one shingle of the MinHash."""
    near: bool = True
    decontamination: list[str] = field(default_factory=list)
    """Files of the windows of benchmark problems, as `corpus.screening.decontamination` writes."""
    contaminated_problem_share: float = 0.5
    """A document to train on that holds this share of a problem's windows is dropped, ..."""
    contaminated_windows: int = 20
    """... and one with so many windows of one problem, or of a file that knows no problems, ..."""
    contaminated_share: float = 0.3
    """... and one of whose windows this share is known."""
    heldout_share: float = 0.02
    """Share of repositories, drawn by hash of the name, that is never trained on; if it is not 0,
    one at least. Of a single repository, files are."""
    heldout_repositories: list[str] = field(default_factory=list)
    """Repositories that are held out whatever their hash."""
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 < self.jaccard <= 1, "dedup.jaccard", "0..1", self.jaccard)
        for name in ("contaminated_share", "contaminated_problem_share"):
            share = getattr(self, name)
            require(0 < share <= 1, f"dedup.{name}", "more than 0, at most 1", share)
        require_at_least(1, "dedup", self, "contaminated_windows")
        require(0 <= self.heldout_share < 1, "dedup.heldout_share", "0..1", self.heldout_share)


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
