"""The order in which a model reads the parts of a prompt.

A layout is a row of parts: a field (`{path}`, `{suffix}`, `{prefix}`), a sentinel such as
`<|suffix|>`, or text. Models of others have orders of their own; the middle follows the last part.

Where a model wants the prefix in front, each key would change the prompt in its middle, and all
behind it would be read anew. So the hole opens some lines above the cursor: `{above}` is what
stands before it, and `{prefix}`, behind the last mark, what was written in it so far. It opens at
the start of a line, which moves by several lines at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

PATH, SUFFIX, ABOVE, PREFIX = "{path}", "{suffix}", "{above}", "{prefix}"
FIELDS = (PATH, SUFFIX, ABOVE, PREFIX)

Layout = tuple[str, ...]

OWN: Layout = ("<|file|>", "<|path|>", PATH, "<|suffix|>", SUFFIX, "<|prefix|>", PREFIX)
"""What Lory's own models are trained on; see `spm` of `contract/prompt.py`."""

MOST_PARTS, LONGEST_TEXT = 16, 32
EVERY, LEAST = 8, 3
"""The hole opens at a line whose number this divides, at least so many lines above the cursor."""


class Reader(Protocol):
    """What turns text into an object with its `ids`."""

    def encode(self, text: str, *, add_special_tokens: bool) -> Any:
        """The text's ids."""
        ...


def lay_out(
    layout: Layout, fields: Mapping[str, Sequence[int]], sentinels: Sequence[str], reader: Reader
) -> list[int]:
    """The ids of a prompt in a model's own order; a sentinel's id is its place in `sentinels`.

    The sentinel before an empty path, and the text after an empty field, are left out with it.
    """
    ids: list[int] = []
    for at, part in enumerate(layout):
        before, after = layout[at - 1] if at else "", layout[at + 1] if layout[at + 1 :] else ""
        if part in FIELDS:
            ids += fields.get(part, ())
        elif part in sentinels:
            if after != PATH or fields.get(PATH):
                ids.append(sentinels.index(part))
        elif before not in FIELDS or fields.get(before):
            ids += reader.encode(part, add_special_tokens=False).ids
    return ids


def part_prefix(layout: Layout, prefix: str) -> tuple[str, str]:
    """What stands above the hole, and what is written in it: all where the layout has none."""
    return part_at_anchor(prefix) if ABOVE in layout else ("", prefix)


def fill(
    layout: Layout,
    path: Sequence[int],
    suffix: Sequence[int],
    above: Sequence[int],
    near: Sequence[int],
) -> dict[str, Sequence[int]]:
    """The ids of a layout's fields; without a hole, what stands above begins the prefix."""
    if ABOVE not in layout:
        above, near = (), [*above, *near]
    return {PATH: path, SUFFIX: suffix, ABOVE: above, PREFIX: near}


def part_at_anchor(prefix: str) -> tuple[str, str]:
    """What stands before the hole, and what between its beginning and the cursor."""
    lines = prefix.split("\n")
    first = max(0, len(lines) - 1 - LEAST) // EVERY * EVERY
    if not first:
        return "", prefix
    head = "\n".join(lines[:first]) + "\n"
    return head, prefix[len(head) :]


def fault_of(layout: Sequence[str], sentinels: Sequence[str]) -> str:
    """What is wrong with a layout, for people; "" for nothing."""
    if layout.count(PREFIX) != 1:
        return f"a layout with {PREFIX} {layout.count(PREFIX)} times"
    if any(layout.count(name) > 1 for name in FIELDS):
        return "a layout that has a field twice"
    if len(layout) > MOST_PARTS:
        return f"a layout of {len(layout)} parts"
    texts = [part for part in layout if part not in FIELDS and part not in sentinels]
    strange = next((text for text in texts if not is_plain(text)), None)
    return "" if strange is None else f"a layout with the text {strange!r:.60}"


def is_plain(text: str) -> bool:
    """Whether a text may stand between parts: short, and printable but for line ends."""
    return 0 < len(text) <= LONGEST_TEXT and text.replace("\n", " ").isprintable()
