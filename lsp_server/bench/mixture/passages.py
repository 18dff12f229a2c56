"""Passages of files, to judge models from outside this package by the same counts.

`lory bench passages` writes them once. Whoever has a model then writes a file of what it gives to
each token, and `lory bench mixed` mixes the project in: its weights are fitted for each model.

    prompt_ids, prompt_lengths    what a model reads before each passage, one after the other
    block_ids, block_lengths      the passages' own tokens
    file_P, files                 each passage's file, by its number and by name
    never_written                 tokens that no completion has, which no model is asked about
    length_NK ... project_N       the columns of `samples.Samples`

What comes back: `model_N`, `highest_N`, the model's probability of each token and its highest one,
tokens that are never written left out.

Shapes: P passages, N tokens of all, K rungs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lsp_server.bench.mixture.samples import Passage, Samples, as_arrays
from lsp_server.engines.mixture import sureness
from lsp_server.errors import BenchError

COLUMNS = ("length_NK", "seen_NK", "agreed_NK", "share_NK", "project_N")
"""Of `Samples`: what no model has a say in."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Passages as they are read back."""

    samples: Samples
    """With a model that gives nothing to any token."""
    file_N: NDArray[np.int64]
    """Number of the file that each token comes from."""


def write_passages(
    passages: Sequence[Passage], never_written: NDArray[np.int64], path: Path
) -> None:
    """Write the passages; the name gets numpy's own ending where it has none."""
    rows = [
        (0.0, 0, levels, token)
        for passage in passages
        for levels, token in zip(passage.levels, passage.ids, strict=True)
    ]
    samples = as_arrays(rows, [p.project for p in passages for _ in p.ids])
    names = sorted({passage.file for passage in passages})
    np.savez_compressed(
        path,
        prompt_ids=np.concatenate([np.array(passage.prompt, np.int32) for passage in passages]),
        prompt_lengths=np.array([len(passage.prompt) for passage in passages]),
        block_ids=np.concatenate([np.array(passage.ids, np.int32) for passage in passages]),
        block_lengths=np.array([len(passage.ids) for passage in passages]),
        file_P=np.array([names.index(passage.file) for passage in passages]),
        files=np.array(names),
        never_written=never_written,
        **{name: getattr(samples, name) for name in COLUMNS},
    )


def read_passages(path: Path) -> Counted:
    """What `write_passages` wrote; raises BenchError for any other file."""
    stored = read_arrays(path, (*COLUMNS, "file_P", "block_lengths"), "lory bench passages")
    nothing = np.zeros(len(stored["project_N"]))
    columns = {name: stored[name] for name in COLUMNS}
    samples = Samples(model_N=nothing, sure_N=nothing.astype(int), **columns)
    return Counted(samples, np.repeat(stored["file_P"], stored["block_lengths"]))


def with_model(counted: Counted, path: Path) -> Samples:
    """The samples with what a model gave to each token; BenchError where the file does not fit."""
    stored = read_arrays(
        path, ("model_N", "highest_N"), "python -m trainer.pretraining.passage_probabilities"
    )
    tokens = len(counted.samples.model_N)
    if stored["model_N"].shape != (tokens,) or stored["highest_N"].shape != (tokens,):
        raise BenchError(
            f"expected probabilities of {tokens} tokens in {path}, found "
            f"{stored['model_N'].size}; write them anew, of the same passages"
        )
    sure_N = np.array([sureness(highest) for highest in stored["highest_N"].tolist()], int)
    return replace(counted.samples, model_N=stored["model_N"].astype(float), sure_N=sure_N)


def read_arrays(path: Path, names: Sequence[str], writer: str) -> dict[str, NDArray[Any]]:
    """Arrays of a file by name; BenchError names the command that writes them."""
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in names}
    except (OSError, KeyError, ValueError) as exc:
        raise BenchError(f"expected a file of `{writer}` in {path}, found: {exc}") from exc
