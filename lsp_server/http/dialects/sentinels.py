"""Turns raw prompts with another model's fill-in-the-middle marks back into prefix and suffix.

Clients choose the marks by the model's name. A prompt counts only as a whole: it begins with a
family's first mark and ends with its last. Of a mark that stands in it several times the last one
counts, as source that speaks of marks is more often above the cursor.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lsp_server.contract.bundles.fim_families import FAMILIES, Family
from lsp_server.http.completion import Chunk


@dataclass(frozen=True, slots=True)
class Split:
    """What a raw prompt holds."""

    prefix: str
    suffix: str = ""
    path: str = ""
    chunks: tuple[Chunk, ...] = ()


CODE_LLAMA = re.compile(r"<PRE> ?(?P<prefix>.*) <SUF> ?(?P<suffix>.*?) ?<MID>", re.DOTALL)
CURSOR_MARK = "<|FIM|>"
"""Stands where the cursor is, in prompts of Tabby's template."""


def split_prompt(prompt: str) -> Split:
    """Prefix and suffix of a prompt of any family; without marks it is all prefix."""
    for family in FAMILIES.values():
        found = split_as(prompt, family)
        if found is not None:
            return found
    if (match := CODE_LLAMA.fullmatch(prompt.rstrip(" "))) is not None:
        return Split(match["prefix"], match["suffix"])
    if prompt.count(CURSOR_MARK) == 1:
        prefix, _, suffix = prompt.partition(CURSOR_MARK)
        return Split(prefix, suffix)
    return Split(prompt)


def split_as(prompt: str, family: Family) -> Split | None:
    """The parts of a prompt of one family; None for another prompt."""
    path, chunks, rest = split_files(prompt, family)
    if not family.middle:
        if not rest.startswith(family.suffix) or family.prefix not in rest:
            return None
        suffix, _, prefix = rest.removeprefix(family.suffix).partition(family.prefix)
        return Split(prefix, suffix, path, chunks)
    body = rest.rstrip(" \n")
    if not body.endswith(family.middle):
        return None
    body = body.removesuffix(family.middle)
    if body.startswith(family.suffix) and family.prefix in body:
        suffix, _, prefix = body.removeprefix(family.suffix).partition(family.prefix)
        return Split(prefix, suffix, path, chunks)
    if body.startswith(family.prefix) and family.suffix in body:
        prefix, _, suffix = body.removeprefix(family.prefix).rpartition(family.suffix)
        return Split(prefix, suffix, path, chunks)
    return None


def split_files(prompt: str, family: Family) -> tuple[str, tuple[Chunk, ...], str]:
    """The cursor's path, the other files, and what is left of a prompt that begins with any."""
    starts = tuple(filter(None, (family.repository, family.file)))
    if not family.file or not prompt.startswith(starts):
        return "", (), prompt
    marks = [at for at in (prompt.find(family.prefix), prompt.find(family.suffix)) if at >= 0]
    if not marks:
        return "", (), prompt
    head, rest = prompt[: min(marks)], prompt[min(marks) :]
    files = list(read_files(head, family))
    if not files:
        return "", (), rest
    own = files.pop() if not files[-1].text.strip() else Chunk("")
    return own.path, tuple(chunk for chunk in files if chunk.text.strip()), rest


def read_files(head: str, family: Family) -> Iterator[Chunk]:
    """The files before the first mark of the cursor's own."""
    for part in head.split(family.file)[1:]:
        path, _, text = part.partition("\n")
        yield Chunk(text, path.strip())
