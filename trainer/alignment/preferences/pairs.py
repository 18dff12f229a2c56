"""Pairs and labels, their Parquet files, and the interface of preference sources.

    pairs.parquet    prompt (path, prefix, suffix), chosen, rejected, margin, source, group, heldout
    labels.parquet   text, label, source, group, heldout

A prompt is kept as the texts that it is made of, so that any tokenizer can lay it out as it is
served. An entry point of the group `lory.preferences` is called with the options of the recipe and
gives a PreferenceSource. The group is not `lory.sources`: those give documents, before there is a
model to ask.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lsp_server.contract.prompt import Parts
from trainer.corpus.document import read_batches
from trainer.errors import PreferenceError
from trainer.runtime.plugins import PluginGroup

if TYPE_CHECKING:
    from trainer.alignment.preferences.material import Material

GROUP = PluginGroup("lory.preferences", "preferences", PreferenceError)
PAIRS = "pairs.parquet"
LABELS = "labels.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Two texts at one cursor, of which one is better."""

    prompt: Parts
    chosen: str
    rejected: str
    margin: float
    """By how much it is better, in the unit of its source; more than 0."""
    source: str
    group: str
    """What must not be divided between training and measuring: repository, problem or prompt."""
    heldout: bool
    """Whether it is for measuring alone."""
    chosen_propensity: float | None = None
    """Probability with which it was shown, where that is known."""
    rejected_propensity: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text and what it is worth."""

    text: str
    label: float
    source: str
    group: str
    heldout: bool


@dataclass(frozen=True, slots=True)
class Unused:
    """Something that a source looked at and could not use, and why."""

    source: str
    reason: str


PreferenceRow = Preference | Label | Unused


class PreferenceSource(Protocol):
    """What an entry point of `lory.preferences` builds from its options."""

    def read(self, material: "Material") -> Iterator[PreferenceRow]:
        """Pairs, labels, and what was not used; PreferenceError where none can be had."""


def prompt_group(prompt: Parts) -> str:
    """The group of a prompt that belongs to nothing larger."""
    return digest(prompt.path, prompt.prefix, prompt.suffix)


def digest(*texts: str) -> str:
    """A short name for texts."""
    return hashlib.sha256("\0".join(texts).encode(errors="replace")).hexdigest()[:16]


def write_pairs(pairs: Sequence[Preference], folder: Path) -> None:
    """All pairs, train and held-out, in one file."""
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    prompt = pa.struct([(name, text) for name in ("path", "prefix", "suffix")])
    columns = {
        "prompt": (prompt, [pair_prompt(pair) for pair in pairs]),
        **{
            name: (text, [getattr(pair, name) for pair in pairs])
            for name in ("chosen", "rejected", "source", "group")
        },
        **{
            name: (number, [getattr(pair, name) for pair in pairs])
            for name in ("margin", "chosen_propensity", "rejected_propensity")
        },
        "heldout": (pa.bool_(), [pair.heldout for pair in pairs]),
    }
    write_columns(columns, folder / PAIRS)


def pair_prompt(pair: Preference) -> dict[str, str]:
    """A pair's prompt as it is written."""
    return {"path": pair.prompt.path, "prefix": pair.prompt.prefix, "suffix": pair.prompt.suffix}


def write_labels(labels: Sequence[Label], folder: Path) -> None:
    """All labelled texts, train and held-out, in one file."""
    import pyarrow as pa

    columns = {
        name: (pa.string(), [getattr(label, name) for label in labels])
        for name in ("text", "source", "group")
    }
    columns["label"] = (pa.float64(), [label.label for label in labels])
    columns["heldout"] = (pa.bool_(), [label.heldout for label in labels])
    write_columns(columns, folder / LABELS)


def write_columns(columns: Mapping[str, tuple[Any, list[Any]]], path: Path) -> None:
    """One table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()])
    table = pa.table([values for _, values in columns.values()], schema=schema)
    pq.write_table(table, path, compression="zstd")


def read_pairs(folder: Path, *, heldout: bool) -> list[Preference]:
    """The pairs to train on, or those held out; CorpusError where the file is damaged."""
    return [
        Preference(**{**row, "prompt": Parts(**row["prompt"])})
        for row in read_rows(folder / PAIRS)
        if row["heldout"] is heldout
    ]


def read_labels(folder: Path, *, heldout: bool) -> list[Label]:
    """The labelled texts to train on, or those held out; CorpusError where the file is damaged."""
    return [Label(**row) for row in read_rows(folder / LABELS) if row["heldout"] is heldout]


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """A table's rows."""
    import pyarrow.parquet as pq

    for batch in read_batches([path], pq.read_schema(path).names):
        yield from batch.to_pylist()
