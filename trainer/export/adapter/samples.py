"""Training samples in the order in which a bundle's model is asked, each drawn by its number."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsp_server.contract.bundles.prompt_layout import (
    ABOVE,
    PREFIX,
    SUFFIX,
    Layout,
    lay_out,
    part_prefix,
)
from lsp_server.contract.canonical import canonical_text
from lsp_server.contract.languages.profiles import language_of
from lsp_server.contract.prompt import SENTINELS, encode
from trainer.errors import CorpusError

SHORTEST_FILE, LONGEST_FILE = 1_000, 60_000
"""Bytes of a file that samples are drawn from."""
PREFIX_TOKENS, SUFFIX_TOKENS, MIDDLE_TOKENS = 220, 160, 120
LINES_BEFORE, LINES_BEHIND, LINES_BETWEEN = 30, (4, 20), (1, 12)


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt and what follows, in the source's numbering."""

    ids: list[int]
    counted: int
    """So many tokens at the end are learned: those of the text before the cursor and of what
    follows it; the suffix is read alone."""


class Samples:
    """The samples of a corpus; the same number gives the same sample."""

    def __init__(
        self, files: Sequence[Path], tokenizer: Tokenizer, layout: Layout, rows: NDArray[np.int64]
    ) -> None:
        self._files = [f for f in files if SHORTEST_FILE <= f.stat().st_size <= LONGEST_FILE]
        if not self._files:
            raise CorpusError(
                f"expected files of the bundle's languages, of {SHORTEST_FILE:,} to "
                f"{LONGEST_FILE:,} bytes, found none in the folder; name another with --files"
            )
        self._tokenizer, self._layout, self._rows = tokenizer, layout, rows

    def draw(self, seed: int, number: int) -> Sample:
        """Sample `number` of a run with this seed."""
        rng = random.Random(f"{seed}:{number}")
        while True:
            file = rng.choice(self._files)
            text = file.read_text(encoding="utf-8", errors="replace")
            lines = canonical_text(text, language_of(file.name)).splitlines(keepends=True)
            if len(lines) > sum(LINES_BETWEEN) + LINES_BEHIND[1]:
                return self._cut(lines, rng)

    def _cut(self, lines: Sequence[str], rng: random.Random) -> Sample:
        between, behind = rng.randint(*LINES_BETWEEN), rng.randint(*LINES_BEHIND)
        at = rng.randrange(1, len(lines) - between)
        end = at + between
        above, near = part_prefix(self._layout, "".join(lines[:at]))
        fields: Mapping[str, list[int]] = {
            ABOVE: self._read_end(above),
            PREFIX: self._read_end(near),
            SUFFIX: self._read(lines[end : end + behind])[:SUFFIX_TOKENS],
        }
        middle = self._read(lines[at:end])[:MIDDLE_TOKENS]
        ids = [*lay_out(self._layout, fields, SENTINELS, self._tokenizer), *middle]
        last = self._layout[-1] == PREFIX
        counted = len(middle) + (len(fields[PREFIX]) if last else 0)
        return Sample([int(self._rows[token]) for token in ids], min(counted, len(ids) - 1))

    def _read_end(self, text: str) -> list[int]:
        return self._read(text.splitlines(keepends=True)[-LINES_BEFORE:])[-PREFIX_TOKENS:]

    def _read(self, lines: Sequence[str]) -> list[int]:
        return encode(self._tokenizer, "".join(lines))
