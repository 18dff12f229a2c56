"""Tokenizes line by line, and remembers the lines that it has seen.

A key press changes one line of many. Where the tokenizer starts a new piece at every line end, as
the one that `lory-train tokenizer` makes does, the ids of a text are those of its lines in a row.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

KNOWN_LINES = 65_536
LONGEST_KNOWN_LINE = 1_000
"""Characters; a longer line is read anew each time."""

FEW_LINES = 16
"""Up to as many are read one by one: waking the tokenizer's threads takes longer."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What an editor sends of a character that it has cut in two."""
PROBES = ("a\n\n    b", "x  \n\t\ny = 1\n\n\n", "\r\n\r\n  if a:\r\n", " \n \n", "é\n\u3000\n(\n)")
"""Where a tokenizer whose pieces reach over line ends gives itself away."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the tokenizer's own `encode` gives, as far as Lory reads it."""

    ids: list[int]


class LineTokenizer:
    """Encodes as the tokenizer does, and remembers the ids of lines where that is the same."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.pre_tokenizer = tokenizer.pre_tokenizer
        """As the tokenizer's own; `prompt.last_piece` asks it."""
        self.by_line = all(self._by_line_equals_whole(tokenizer, text) for text in PROBES)
        """Whether lines can be read one by one."""
        self._tokenizer = tokenizer
        self._known: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str, *, add_special_tokens: bool = False) -> Encoded:
        """Ids of the text, without special tokens; the flag is the tokenizer's own."""
        text = well_formed(text)
        if not self.by_line or add_special_tokens:
            whole: list[int] = self._tokenizer.encode(
                text, add_special_tokens=add_special_tokens
            ).ids
            return Encoded(whole)
        lines = split_before_line_ends(text)
        known = self._known  # the same until the end: `forget` puts another in its place
        unknown = [line for line in dict.fromkeys(lines) if line not in known]
        fresh = self._read(unknown) if unknown else {}
        ids: list[int] = []
        for line in lines:
            ids.extend(fresh[line] if line in fresh else known[line])
        self._remember(known, fresh)
        return Encoded(ids)

    def forget(self) -> None:
        """Remember no line; from any thread, also of a text that is being read meanwhile."""
        self._known = {}

    def _read(self, lines: Sequence[str]) -> dict[str, tuple[int, ...]]:
        if len(lines) <= FEW_LINES:
            encode = self._tokenizer.encode
            return {line: tuple(encode(line, add_special_tokens=False).ids) for line in lines}
        encodings = self._tokenizer.encode_batch_fast(list(lines), add_special_tokens=False)
        return {line: tuple(found.ids) for line, found in zip(lines, encodings, strict=True)}

    def _remember(
        self, known: dict[str, tuple[int, ...]], fresh: dict[str, tuple[int, ...]]
    ) -> None:
        """Add lines to those that were known when they were read."""
        if len(known) + len(fresh) > KNOWN_LINES:
            if self._known is not known:
                return
            self._known = known = {}  # another thread may still read the old ones
        known.update((line, ids) for line, ids in fresh.items() if len(line) <= LONGEST_KNOWN_LINE)

    @staticmethod
    def _by_line_equals_whole(tokenizer: Any, text: str) -> bool:
        parts = split_before_line_ends(text)
        ids = [
            token
            for part in parts
            for token in tokenizer.encode(part, add_special_tokens=False).ids
        ]
        whole: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids == whole


def well_formed(text: str) -> str:
    """The text with U+FFFD in place of each half of a character, which no tokenizer takes.

    It counts as many units as that half in every encoding, so all places stay where they are.
    """
    return text if text.isascii() else LONE_SURROGATE.sub("\ufffd", text)


def split_before_line_ends(text: str) -> list[str]:
    """The text cut before each `\\n` and `\\r\\n`: every part but the first begins with one."""
    first, *others = text.split("\n")
    if "\r" not in text:
        return [first, *("\n" + part for part in others)]
    parts: list[str] = []
    end = ""
    for line in (first, *others):
        cut = line.endswith("\r") and len(parts) < len(others)
        parts.append(end + (line[:-1] if cut else line))
        end = "\r\n" if cut else "\n"
    return parts
