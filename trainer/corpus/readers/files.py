"""Decides which files of a repository are read, within the size limits."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from trainer.corpus.config import SourcesConfig
from trainer.corpus.document import Document, document_id

VENDORED = frozenset(
    {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", "site-packages"}
)
"""Folders that hold other people's code or a program's output."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was left out unread or unusable, and why."""

    source: str
    repo: str
    path: str
    reason: str


Admitted = Iterator[Document | Skipped]
"""What every source gives."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the files of one repository have in common."""

    source: str
    repo: str
    commit: str
    licence: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that has been listed and not yet read."""

    path: str
    load: Callable[[int], bytes]
    """Reads at most that many bytes; raises TooLarge where it knows of more, OSError where it
    cannot."""


class TooLarge(OSError):
    """A file that is not read because of its size."""


class Source(Protocol):
    """What an entry point of `lory.sources` builds from a source's options."""

    def read(self, config: SourcesConfig) -> Admitted:
        """Documents and skipped files, streamed; raises SourceError where none can be had."""


def admit_files(
    origin: Origin, listed: Iterable[SourceFile | Skipped], config: SourcesConfig
) -> Admitted:
    """Documents of one repository, in seeded order where the repository has a cap, else by path."""
    taken = 0
    files: list[SourceFile] = []
    for entry in listed:
        if isinstance(entry, Skipped):
            yield entry
        else:
            files.append(entry)
    for file in sorted(files, key=lambda file: reading_order(origin, file, config)):
        if config.max_repository_bytes and taken >= config.max_repository_bytes:
            yield skip(origin, file.path, "over the repository's cap")
            continue
        admitted = read_file(origin, file, config.max_file_bytes)
        taken += len(admitted.text.encode()) if isinstance(admitted, Document) else 0
        yield admitted


def reading_order(origin: Origin, file: SourceFile, config: SourcesConfig) -> str:
    """Sort key: the path, or a hash of it where a cap must not favour the start of the alphabet."""
    if not config.max_repository_bytes:
        return file.path
    key = f"{config.seed}\0{origin.repo}\0{file.path}".encode(errors="surrogateescape")
    return hashlib.sha256(key).hexdigest()


def read_file(origin: Origin, file: SourceFile, max_bytes: int) -> Document | Skipped:
    """One file as a document; every way in which it cannot be one is a reason."""
    try:
        data = file.load(max_bytes + 1)
    except TooLarge:
        return skip(origin, file.path, "too large")
    except OSError as exc:
        return skip(origin, file.path, f"unreadable: {exc.strerror or exc}")
    if len(data) > max_bytes:
        return skip(origin, file.path, "too large")
    if b"\0" in data:
        return skip(origin, file.path, "binary")
    try:
        return admit_text(origin, file.path, data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return skip(origin, file.path, "not UTF-8")


def admit_text(origin: Origin, path: str, text: str) -> Document:
    """A document with its id."""
    return Document(
        id=document_id(text),
        source=origin.source,
        repo=origin.repo,
        path=printable(path),
        commit=origin.commit,
        licence=origin.licence,
        text=text,
    )


def skip(origin: Origin, path: str, reason: str) -> Skipped:
    """A file of `origin` that is left out."""
    return Skipped(origin.source, origin.repo, printable(path), reason)


def printable(path: str) -> str:
    """The path with undecodable bytes replaced, so that it can be written as UTF-8."""
    return path.encode("utf-8", "replace").decode()
