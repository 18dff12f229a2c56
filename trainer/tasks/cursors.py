"""Chooses cursors in held-out code by seed."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from lsp_server.contract.languages.learning import comments_in
from trainer.corpus.document import Document, part_files, read_batches, read_canonical
from trainer.corpus.scratch import open_scratch

CURSORS_PER_DOCUMENT = 3
"""So that one long file cannot decide a figure."""

SHORTEST_TRUTH = 3
"""Characters other than white space that are left to complete."""

LINE = re.compile(r"[^\r\n]+")
NOT_SPACE = re.compile(r"\S")

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a line of a real file; `prefix + truth + suffix` is the whole file."""

    path: str
    prefix: str
    truth: str
    """The rest of the cursor's line, without its line break."""
    suffix: str
    """What follows the line, its line break first; "" at the end of the file."""
    repo: str
    """Cursors of one repository resemble each other: intervals are drawn over repositories."""


def sample_cursors(documents: Iterable[Document], count: int, seed: int) -> list[Cursor]:
    """At most `count` cursors, repositories taking turns, then documents, then lines.

    The same documents in any order give the same cursors. Fewer come back where the documents
    have fewer places than that.
    """
    turns = take_turns(sorted(documents, key=lambda document: document.id), random.Random(seed))
    streams = [place_cursors(document, seed) for document in turns]
    placed = (
        cursor
        for _ in range(CURSORS_PER_DOCUMENT)
        for stream in streams
        for cursor in islice(stream, 1)
    )
    return list(islice(placed, count))


def draw_documents(folder: Path, count: int, seed: int) -> list[Document]:
    """At most `count` documents of a folder, repositories taking turns.

    Ids of the others lie on disk; memory holds the names of repositories, and one's ids.
    """
    order = {name: turn for turn, name in enumerate(draw_ids(folder, count, seed))}
    drawn = [document for document in read_canonical(folder) if document.id in order]
    return sorted(drawn, key=lambda document: order[document.id])


def draw_ids(folder: Path, count: int, seed: int) -> list[str]:
    """Ids of the first `count` documents in the order of `take_turns`."""
    rng = random.Random(seed)
    with open_scratch() as scratch:
        scratch.execute("CREATE TABLE documents (repo, id)")
        for batch in read_batches(part_files(folder), ["repo", "id"]):
            rows = zip(*(batch.column(at).to_pylist() for at in (0, 1)), strict=True)
            scratch.executemany("INSERT INTO documents VALUES (?, ?)", rows)
        scratch.execute("CREATE INDEX by_repository ON documents (repo, id)")
        scratch.execute("CREATE TABLE turns (turn, place, id)")
        names = [repo for (repo,) in scratch.execute("SELECT DISTINCT repo FROM documents")]
        for place, repo in enumerate(shuffled(sorted(names), rng)):
            query = "SELECT id FROM documents WHERE repo = ? ORDER BY id"
            ids = shuffled((name for (name,) in scratch.execute(query, (repo,))), rng)
            taken = [(turn, place, name) for turn, name in enumerate(ids[:count])]
            scratch.executemany("INSERT INTO turns VALUES (?, ?, ?)", taken)
        found = scratch.execute("SELECT id FROM turns ORDER BY turn, place LIMIT ?", (count,))
        return [name for (name,) in found]


def take_turns(documents: Sequence[Document], rng: random.Random) -> list[Document]:
    """All documents, one of each repository, then a second of each, and so on."""
    by_repository: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        by_repository[document.repo].append(document)
    rounds: dict[int, list[Document]] = defaultdict(list)
    for repository in shuffled(sorted(by_repository), rng):
        for turn, document in enumerate(shuffled(by_repository[repository], rng)):
            rounds[turn].append(document)
    return [document for turn in sorted(rounds) for document in rounds[turn]]


def shuffled(items: Iterable[Item], rng: random.Random) -> list[Item]:
    """The items in an order drawn from `rng`."""
    order = list(items)
    rng.shuffle(order)
    return order


def place_cursors(document: Document, seed: int) -> Iterator[Cursor]:
    """One cursor in each line of code, lines in an order of the document's own."""
    rng = random.Random(f"{seed} {document.id}")
    text = document.text
    for line in shuffled(code_lines(text, document.path), rng):
        columns = [match.start() for match in NOT_SPACE.finditer(line.group())]
        at, end = line.start() + rng.randint(columns[0], columns[-SHORTEST_TRUTH]), line.end()
        yield Cursor(document.path, text[:at], text[at:end], text[end:], document.repo)


def code_lines(text: str, path: str) -> Iterator[re.Match[str]]:
    """Lines that are neither blank nor a comment and hold enough to complete."""
    in_comment = comments_in(path, text)
    for line in LINE.finditer(text):
        found = NOT_SPACE.search(line.group())
        if found is None or len(NOT_SPACE.findall(line.group())) < SHORTEST_TRUTH:
            continue
        if not in_comment(line.start() + found.start()):
            yield line
