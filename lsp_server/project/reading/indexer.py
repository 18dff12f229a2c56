"""The indexing process, which reads and tokenizes the project's files.

A process of its own, at the lowest priority: reading, tokenizing and sorting a project takes a core
for seconds, which the thread that completes must not share.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from lsp_server.contract.canonical import canonical_text
from lsp_server.contract.languages.profiles import language_of
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.documents.exclusions import Exclusions
from lsp_server.plugins import one_line
from lsp_server.project.hard_links import OtherNames
from lsp_server.project.index.digests import name_digest, text_digest
from lsp_server.project.index.kept_ids import Ids, keep_ids
from lsp_server.project.index.segment import build_segment
from lsp_server.project.index.store import Batch
from lsp_server.project.reading.frames import write_batch, write_done
from lsp_server.project.reading.source_file import read_source
from lsp_server.project.walk import Root, Rules, find_files, is_inside

SIZES = (500_000, 2_000_000, 4_000_000)
"""Tokens of the first segments, and of all that follow: answers begin early, segments stay few."""
BYTES_PER_TOKEN = 3.6
"""Source that has more tokens than this is cut short earlier: memory goes by tokens."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to read."""

    roots: tuple[Root, ...]
    rules: Rules
    files: tuple[str, ...] | None
    """Real paths; None for all files of the roots."""
    tokenizer: str
    """Path of the bundle's tokenizer file."""
    most_bytes: int
    """Source that is read at most."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "Job":
        """The job of a line that `to_json` gave."""
        given: dict[str, Any] = json.loads(line)
        rules, files = given["rules"], given["files"]
        exclusions = Exclusions(**{key: tuple(v) for key, v in rules["exclusions"].items()})
        return cls(
            roots=tuple(Root(**root) for root in given["roots"]),
            rules=Rules(tuple(rules["languages"]), exclusions),
            files=None if files is None else tuple(files),
            tokenizer=given["tokenizer"],
            most_bytes=given["most_bytes"],
        )

    def paths(self) -> Iterable[str]:
        """The files to read."""
        if self.files is None:
            return find_files(self.roots, self.rules)
        return (path for path in self.files if is_inside(path, self.roots, self.rules))


def read_batches(job: Job) -> Iterator[Batch]:
    """Everything that the job names, in batches of growing size; equal texts once."""
    tokenizer = load_tokenizer(Path(job.tokenizer))
    texts: dict[int, Ids] = {}
    names: dict[int, int] = {}
    known: set[int] = set()
    sizes, size, left = list(SIZES), 0, float(job.most_bytes)
    other_names = OtherNames(job.roots, job.rules)
    for path in job.paths():
        if (text := read_source(path, other_names.allow)) is None:
            continue
        found = text_digest(text)
        if found not in known:
            read = canonical_text(text, language_of(path))
            [encoding] = tokenizer.encode_batch_fast([read], add_special_tokens=False)
            ids = keep_ids(encoding.ids)
            left -= max(len(text), len(ids) * BYTES_PER_TOKEN)
            if left < 0:
                break
            known.add(found)
            texts[found] = ids
            size += len(ids)
        names[name_digest(path)] = found
        if size >= sizes[0]:
            yield Batch(build_segment(texts.items()), names)
            texts, names, size, sizes = {}, {}, 0, sizes[1:] or sizes
    if names:
        yield Batch(build_segment(texts.items()), names)


def end_with_parent() -> None:
    """End this process once the pipe from its parent is closed."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def main() -> None:
    """Do the job that stands on standard input's first line."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):  # whoever started this process is gone
        sys.exit(1)
    job = Job.from_json(line.decode())
    Thread(target=end_with_parent, daemon=True).start()
    try:
        for batch in read_batches(job):
            write_batch(sys.stdout.buffer, batch)
        write_done(sys.stdout.buffer)
    except BrokenPipeError:  # whoever reads it is gone: nobody is left to be told
        os._exit(1)
    except Exception as exc:  # who started this process learns why from its log
        sys.exit(f"lory: the project's files cannot be read: {one_line(exc)}")


if __name__ == "__main__":
    main()
