"""The project index: its segments and open texts, and views of them for the engine.

Any thread may ask, without a lock: what it reads is replaced as a whole. What is taken in says of
which epoch it is, and is refused under the workspace's lock once the rules are others: so nothing
comes back that was being read while it was excluded.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lsp_server.project.index.digests import name_digest
from lsp_server.project.index.kept_ids import Ids
from lsp_server.project.index.open_texts import OpenTexts
from lsp_server.project.index.segment import Segment
from lsp_server.project.index.view import Part, ProjectView
from lsp_server.project.workspace import Notes, Workspace

__all__ = ["Batch", "OpenText", "ProjectIndex", "ProjectView"]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Texts of files, and which files hold them."""

    segment: Segment
    names: Mapping[int, int]
    """Digest of each file's name to the digest of its text, which an earlier batch may hold."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenText:
    """The ids of an open document at one time."""

    serial: int
    """That of the change after which it was read."""
    ids: Ids


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """What was read from the disk."""

    epoch: int = 0
    parts: tuple[Part, ...] = ()
    names: Mapping[int, int] = field(default_factory=dict)


class ProjectIndex:
    """Everything that is known of the project's text."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.whole = -1
        """The latest epoch of which every file has been read."""
        self.languages: frozenset[str] = frozenset()
        """Of the files that were read then."""
        self._files = Files()
        self._texts: Mapping[str, OpenText] = {}
        self._masked: tuple[Files, frozenset[str], tuple[Part, ...]] | None = None
        self._joined: tuple[tuple[OpenText, ...], OpenTexts] = ((), OpenTexts(()))

    @property
    def epoch(self) -> int:
        """Under which of the workspace's rules the files were read."""
        return self._files.epoch

    @property
    def segments(self) -> tuple[Segment, ...]:
        """What was read from the disk."""
        return tuple(part.segment for part in self._files.parts)

    @property
    def tokens(self) -> int:
        """Of all segments."""
        return sum(segment.tokens for segment in self.segments)

    @property
    def is_whole(self) -> bool:
        """Whether all files have been read once under the rules that hold."""
        notes = self.workspace.notes
        return self.whole == notes.epoch and self.languages == notes.languages

    def as_json(self) -> dict[str, int | bool]:
        """How much is known, in plain values, and whether all files have been read once."""
        return {"files": len(self._files.names), "tokens": self.tokens, "whole": self.is_whole}

    def clear(self, epoch: int) -> None:
        """Forget what was read under the rules of other epochs."""
        with self.workspace.changed:
            if self._files.epoch != epoch == self.workspace.notes.epoch:
                self._files = Files(epoch=epoch)
                self._texts = {}
                self._masked = None
                self._joined = ((), OpenTexts(()))
                self.workspace.changed.notify_all()

    def add(self, batches: Iterable[Batch], epoch: int, instead: Iterable[Segment] = ()) -> bool:
        """Take what was read of files, in place of what they held, and of whole segments.

        Whether it was taken: what was read under other rules is refused.
        """
        given, replaced = list(batches), set(map(id, instead))

        def added(files: Files) -> Files:
            names = dict(files.names)
            kept = [part.segment for part in files.parts if id(part.segment) not in replaced]
            for batch in given:
                names.update(batch.names)
                kept += [batch.segment] if len(batch.segment.digests) else []
            return replace(files, parts=place(kept, names), names=names)

        return self._change(epoch, added)

    def forget(self, names: Iterable[str]) -> None:
        """Files are gone, or cannot be read any more."""
        gone = {name_digest(name) for name in names}
        self._leave(lambda name: name not in gone)

    def keep(self, names: Iterable[str]) -> None:
        """Of all files no others are there any more."""
        there = {name_digest(name) for name in names}
        self._leave(there.__contains__)

    def _leave(self, stays: Callable[[int], bool]) -> None:
        def left(files: Files) -> Files:
            names = {name: text for name, text in files.names.items() if stays(name)}
            if len(names) == len(files.names):
                return files
            parts = place((part.segment for part in files.parts), names)
            return replace(files, parts=parts, names=names)

        self._change(self._files.epoch, left)

    def _change(self, epoch: int, change: Callable[[Files], Files]) -> bool:
        """Put other files in the place of those of an epoch, if that still holds."""
        while True:
            old = self._files
            new = change(old)
            with self.workspace.changed:
                if not epoch == self._files.epoch == self.workspace.notes.epoch:
                    return False
                if self._files is old:
                    self._files = new
                    return True

    def held_text(self, name: str) -> int | None:
        """The digest of the text that a file held when it was read; None if it never was."""
        return self._files.names.get(name_digest(name))

    def put(self, name: str, text: OpenText | None, epoch: int) -> bool:
        """Take an open document's ids, in place of earlier ones; None: it may not be read.

        Whether it was taken: what was read under other rules, or of what is closed, is refused.
        """
        with self.workspace.changed:
            notes = self.workspace.notes
            others = {other: old for other, old in self._texts.items() if other in notes.open}
            others.pop(name, None)
            holds = epoch == self._files.epoch == notes.epoch and name in notes.open
            if holds:
                self._texts = others if text is None else {**others, name: text}
            return holds

    def has(self, name: str, serial: int) -> bool:
        """Whether an open document is known as it was after a change."""
        text = self._texts.get(name)
        return text is not None and text.serial == serial

    def open_tokens(self, besides: str) -> int:
        """Of all open documents that are known but one."""
        opened = self.workspace.notes.open
        known = self._texts.items()
        return sum(len(text.ids) for name, text in known if name in opened and name != besides)

    def view(self, without: str) -> ProjectView:
        """The project for a completion in a document, given by its URI.

        Open documents answer with their live text, others as they were last read from the disk; a
        file whose text may have changed since does not answer, nor does the document itself.
        """
        workspace = self.workspace
        workspace.write(without)
        notes, files, texts = workspace.notes, self._files, self._texts
        name = workspace.name(without)
        if files.epoch != notes.epoch:
            return ProjectView((), OpenTexts(()))
        hidden = frozenset((*notes.open, *notes.stale, name))
        return ProjectView(self._mask(files, hidden), self._join(texts, notes, name))

    def _mask(self, files: Files, hidden: frozenset[str]) -> tuple[Part, ...]:
        masked = self._masked
        if masked is None or masked[0] is not files or masked[1] != hidden:
            found = (files.names.get(name_digest(name)) for name in hidden)
            silent = np.array([text for text in found if text is not None], np.uint64)
            parts = tuple(silence(part, silent) for part in files.parts)
            masked = files, hidden, parts
            with self.workspace.changed:
                if self._files is files:
                    self._masked = masked
        return masked[2]

    def _join(self, texts: Mapping[str, OpenText], notes: Notes, name: str) -> OpenTexts:
        others = tuple(
            text
            for other, text in texts.items()
            if other != name and notes.open.get(other) == text.serial
        )
        joined = self._joined
        if others != joined[0]:
            joined = others, OpenTexts(text.ids for text in others)
            with self.workspace.changed:
                if self._texts is texts:
                    self._joined = joined
        return joined[1]


def place(segments: Iterable[Segment], names: Mapping[int, int]) -> tuple[Part, ...]:
    """Segments in which each text answers once, if a file holds it."""
    held = np.fromiter(names.values(), np.uint64, len(names))
    before = np.empty(0, np.uint64)
    parts = []
    for segment in segments:
        digests = segment.digests
        answers = np.isin(digests, held) & ~np.isin(digests, before)
        parts.append(Part(segment, None if answers.all() else answers))
        before = np.concatenate([before, digests])
    return tuple(parts)


def silence(part: Part, silent: npt.NDArray[np.uint64]) -> Part:
    """The part without some texts."""
    hit = np.isin(part.segment.digests, silent)
    if not hit.any():
        return part
    return replace(part, answers=~hit if part.answers is None else part.answers & ~hit)
