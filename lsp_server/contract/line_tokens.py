"""Tokenizes line by line, and remembers the lines that it has seen.

A key press changes one line of many. Where a tokenizer starts a new piece at certain line ends, the
ids of a text are those of what stands between them in a row. Which line ends these are differs from
one kind of tokenizer to the next, and is tried out: see `CUTS`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

KNOWN_LINES = 65_536
LONGEST_KNOWN_LINE = 1_000
"""Characters; a longer line is read anew each time."""

BEGINNINGS = 32
"""Of texts: a request reads what stands around the cursor, and a dozen pieces of it to find where a
prompt may begin."""

FEW_LINES = 16
"""Up to as many are read one by one: waking the tokenizer's threads takes longer."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What an editor sends of a character that it has cut in two."""
PROBES = (
    *("a\n\n    b", "x  \n\t\ny = 1\n\n\n", "\r\n\r\n  if a:\r\n", " \n \n", "é\n\u3000\n(\n)"),
    *(
        "if a:\n\n    b\n  \n\n'c",
        "):\r\n\r\n\t\tx",
        "(\n    )\n\n\n\n  1\n2",
        "a\n\r\n \rb \n\tc\r",
    ),
    *(
        "# \u2028\n\x85\n\x1c\n  'll",
        "\n\n\nimport a\n",
        "\t \n\t \n\t\n x",
        "x=1\\\n  +2\n\n\n\n\n\n\n",
    ),
)
"""Where a tokenizer whose pieces reach over line ends gives itself away."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the tokenizer's own `encode` gives, as far as Lory reads it."""

    ids: list[int]


@dataclass(frozen=True, slots=True)
class Beginning:
    """The start of a text that was read: what most texts that come after a key press begin with."""

    text: str
    ids: Sequence[int]
    follows: str
    """The part behind it: a cut is decided by what stands before it and by the part behind it."""


NOTHING = Beginning("", (), "")


class Memory:
    """What has been read; one that is forgotten is left to those who read meanwhile."""

    def __init__(self) -> None:
        self.lines: dict[str, tuple[int, ...]] = {}
        self.beginnings: tuple[Beginning, ...] = ()
        """Of the latest texts, the very latest first."""

    def longest(self, text: str) -> Beginning:
        """The longest beginning of a text that is known."""
        fitting = [
            each
            for each in self.beginnings
            if text.startswith(each.text) and text.startswith(each.follows, len(each.text))
        ]
        return max(fitting, key=lambda each: len(each.text), default=NOTHING)

    def keep(self, begun: Beginning, fresh: Mapping[str, tuple[int, ...]]) -> None:
        """Remember a beginning, in the place of the one that was used longest ago, and lines."""
        others = (each for each in self.beginnings if each is not begun)
        self.beginnings = (begun, *others)[:BEGINNINGS]
        if len(self.lines) + len(fresh) > KNOWN_LINES:
            self.lines = {}  # another thread may still read the old ones
        kept = {line: ids for line, ids in fresh.items() if len(line) <= LONGEST_KNOWN_LINE}
        self.lines.update(kept)


class LineTokenizer:
    """Encodes as the tokenizer does, and remembers the ids of lines where that is the same."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.pre_tokenizer = tokenizer.pre_tokenizer
        """As the tokenizer's own; `prompt.last_piece` asks it."""
        self.cut = next((cut for cut in CUTS if is_exact(cut, tokenizer)), None)
        """Cuts a text into parts that can be read one by one; None where nothing does."""
        self._tokenizer = tokenizer
        self._memory = Memory()

    def encode(self, text: str, *, add_special_tokens: bool = False) -> Encoded:
        """Ids of the text, without special tokens; the flag is the tokenizer's own."""
        text = well_formed(text)
        if self.cut is None or add_special_tokens:
            whole: list[int] = self._tokenizer.encode(
                text, add_special_tokens=add_special_tokens
            ).ids
            return Encoded(whole)
        memory = self._memory  # the same until the end: `forget` puts another in its place
        begun = memory.longest(text)
        lines = self.cut(text[len(begun.text) :])
        known = memory.lines
        unknown = [line for line in dict.fromkeys(lines) if line not in known]
        fresh = self._read(unknown) if unknown else {}
        ids = list(begun.ids)
        for line in lines[:-2]:
            ids.extend(fresh[line] if line in fresh else known[line])
        if len(lines) > FEW_LINES:
            begun = Beginning(begun.text + "".join(lines[:-2]), tuple(ids), lines[-2])
        for line in lines[-2:]:
            ids.extend(fresh[line] if line in fresh else known[line])
        memory.keep(begun, fresh)
        return Encoded(ids)

    def forget(self) -> None:
        """Remember nothing; from any thread, also of a text that is being read meanwhile."""
        self._memory = Memory()

    def _read(self, lines: Sequence[str]) -> dict[str, tuple[int, ...]]:
        if len(lines) <= FEW_LINES:
            encode = self._tokenizer.encode
            return {line: tuple(encode(line, add_special_tokens=False).ids) for line in lines}
        encodings = self._tokenizer.encode_batch_fast(list(lines), add_special_tokens=False)
        return {line: tuple(found.ids) for line, found in zip(lines, encodings, strict=True)}


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


def split_where_text_ends(text: str) -> list[str]:
    """The text cut before each line end that follows what is no space: blank lines go with it.

    So GPT-2's pieces are, which take all spaces in a row together.
    """
    parts: list[str] = []
    for part in split_before_line_ends(text):
        if parts and (not parts[-1] or parts[-1][-1].isspace()):
            parts[-1] += part
        else:
            parts.append(part)
    return parts


def split_where_text_begins(text: str) -> list[str]:
    """The text cut before each line with text: line ends go with what stands before them.

    So Qwen's and Llama 3's pieces are, which take line ends together with a mark before them.
    """
    first, *others = text.split("\n")
    parts = [first]
    for line in others:
        begun = line.lstrip()
        if begun and "\r" not in line[: len(line) - len(begun)]:
            parts[-1] += "\n"
            parts.append(line)
        else:
            parts[-1] += "\n" + line
    return parts


Cut = Callable[[str], list[str]]
CUTS: tuple[Cut, ...] = (split_before_line_ends, split_where_text_ends, split_where_text_begins)
"""Ways to part a text, the one with the shortest parts first."""


def is_exact(cut: Cut, tokenizer: Any) -> bool:
    """Whether the parts of the probes have the pieces and the ids of the whole."""

    def ids(text: str) -> list[int]:
        found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def pieces(text: str) -> list[str]:
        if tokenizer.pre_tokenizer is None:
            return []
        return [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]

    return all(
        reader(text) == [each for part in cut(text) for each in reader(part)]
        for reader in (ids, pieces)
        for text in PROBES
    )
