"""Counts how many training snippets a model repeats verbatim.

A snippet is a run of tokens of one text. The engine gets only its first half and writes the second
half greedily. The snippet counts as repeated if every character is right. Held-out snippets show
how much of that is code that anybody would write.
"""

from collections.abc import Iterator
from threading import Event

import numpy as np
from numpy.typing import NDArray

from lsp_server.contract.prompt import Prompt, Sentinel, decode, plain
from lsp_server.engines import Limits
from trainer.corpus.blocks.block_file import Rows
from trainer.tasks.subject import Subject

GIVEN, WRITTEN = 50, 50
"""Tokens of a snippet's halves."""

Snippet = tuple[int, ...]


def draw_snippets(rows: Rows, count: int, seed: int) -> list[Snippet]:
    """At most one snippet from each row, rows in seeded order, until there are `count`."""
    rng = np.random.default_rng(seed)
    found: list[Snippet] = []
    for number in rng.permutation(len(rows)):
        starts = list(snippet_starts(np.asarray(rows[number])))
        if starts:
            start = int(rng.choice(starts))
            found.append(tuple(rows[number][start : start + GIVEN + WRITTEN].tolist()))
        if len(found) == count:
            break
    return found


def snippet_starts(row: NDArray[np.uint16]) -> Iterator[int]:
    """Places of a row from which a whole snippet of text runs on; paths are no text."""
    is_text = row > max(Sentinel)
    last = -1
    for place, token in enumerate(row.tolist()):
        if not is_text[place]:
            last, in_path = place, token == Sentinel.PATH
        elif not in_path and place - last >= GIVEN + WRITTEN:
            yield place - (GIVEN + WRITTEN) + 1


def is_reproduced(subject: Subject, snippet: Snippet) -> bool:
    """Whether the engine, given the first half, writes the second."""
    prompt = Prompt(tuple(plain((), snippet[:GIVEN])), "")
    limits = Limits(max_tokens=WRITTEN, stop=lambda _text: None)
    candidates = subject.engine.complete(prompt, limits, Event())
    truth = decode(subject.tokenizer, snippet[GIVEN:])
    return bool(candidates) and candidates[0].text == truth
