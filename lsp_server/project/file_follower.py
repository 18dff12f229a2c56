"""Keeps the project index up to date with files on disk.

A thread that sleeps until files may have changed; a process reads them.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from lsp_server.documents.exclusions import Exclusions
from lsp_server.errors import IndexingError
from lsp_server.plugins import Report, one_line
from lsp_server.project.index.digests import name_digest, text_digest
from lsp_server.project.index.segment import Segment
from lsp_server.project.index.store import Batch, ProjectIndex
from lsp_server.project.reading.indexer import BYTES_PER_TOKEN, Job
from lsp_server.project.reading.process import IndexingProcess
from lsp_server.project.reading.source_file import read_source
from lsp_server.project.walk import Rules, is_inside
from lsp_server.project.workspace import Notes

QUIET = 0.5
"""Seconds without news after which changed files are read again."""
FEW = 32
"""Changed files that are looked at before the process is started: most have not changed at all."""
MOST_LATE = 4
"""Segments of files that were read again; when there are so many, they are made one."""
LARGEST_LATE = 500_000
"""Tokens of such a segment; a larger one stays as it is."""
GROWTH = 0.1
"""Share of the project's tokens that may be kept of files read again, before all is read anew."""
SPARED = 1_000_000
"""Tokens that may come on top: a small project is not read anew at every turn."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Late:
    """A segment of files that were read again."""

    segment: Segment
    files: tuple[str, ...]


class FileFollower:
    """What reads the project's files."""

    def __init__(self, index: ProjectIndex, tokenizer_path: str, report: Report) -> None:
        self.process: IndexingProcess | None = None
        """While it runs."""
        self._index = index
        self._workspace = index.workspace
        self._tokenizer_path = tokenizer_path
        self._report = report
        self._ended = False
        self._walked = 0
        self._known: frozenset[str] = frozenset()
        """Languages whose files were read."""
        self._first_tokens = 0
        self._late: list[Late] = []

    def run(self) -> None:
        """Read until `end`."""
        changed = self._workspace.changed
        while True:
            with changed:
                changed.wait_for(lambda: self._ended or self._is_due())
            notes = self._workspace.notes
            if self._ended:
                return
            if self._walked and not self._keeps_still(notes):
                continue
            self._try(notes)

    def end(self) -> None:
        """Read no more; does not wait."""
        with self._workspace.changed:
            self._ended = True
            self._workspace.changed.notify_all()
        if (process := self.process) is not None:
            process.end()

    def _try(self, notes: Notes) -> None:
        """Read what is due; what fails is given up until there is other news of it."""
        try:
            if notes.epoch != self._walked:
                self._walk(notes)
            elif notes.languages != self._known:
                self._read_all(notes)
            else:
                self._refresh(notes)
        except Exception as exc:
            log.exception("files of the project are left out")
            self._report(f"not all of the project's files are used: {one_line(exc)}")
            self._walked, self._known = notes.epoch, notes.languages
            self._workspace.settle(self._news(notes), self)

    def stop_outdated(self) -> None:
        """End a process that reads by rules that hold no more."""
        process = self.process
        if process is not None and self._workspace.notes.epoch != self._walked:
            process.end()

    def _is_due(self) -> bool:
        notes = self._workspace.notes
        due = (
            notes.epoch != self._walked or notes.languages != self._known or bool(self._news(notes))
        )
        return notes.serving and due

    def _news(self, notes: Notes) -> Mapping[str, int]:
        """Files that may have changed and are not open, with the serial number of that news."""
        news = self._workspace.news_for(self, notes).items()
        return {name: serial for name, serial in news if name not in notes.open}

    def _keeps_still(self, notes: Notes) -> bool:
        """Whether there is no other news for a while."""
        changed = self._workspace.changed
        with changed:
            return not changed.wait_for(
                lambda: self._ended or self._workspace.notes.stale is not notes.stale, QUIET
            )

    def _walk(self, notes: Notes) -> None:
        """Read the whole project."""
        self._late = []
        self._index.clear(notes.epoch)
        self._walked, self._known = notes.epoch, frozenset()
        self._read_all(notes)

    def _read_all(self, notes: Notes) -> None:
        """Read all files of the languages that are written and not known yet."""
        if notes.settings.enabled and notes.settings.project and notes.roots:
            for batch in self._read(notes, None) if notes.languages else ():
                self._index.add([batch], notes.epoch)
        self._known = notes.languages
        self._first_tokens = self._index.tokens
        with self._workspace.changed:
            self._index.whole = notes.epoch
            self._index.languages = notes.languages
            self._workspace.changed.notify_all()
        log.info("the project has %d tokens", self._index.tokens)

    def _refresh(self, notes: Notes) -> None:
        """Read files again that may have changed."""
        news = self._news(notes)
        rules = rules_of(notes)
        files = [name for name in news if is_inside(name, notes.roots, rules)]
        if len(files) <= FEW:
            held = {name: read_source(name) for name in files}
            self._index.forget(name for name, text in held.items() if text is None)
            files = [name for name, text in held.items() if text and self._is_other(name, text)]
        if files:
            self._read_again(notes, files)
        self._workspace.settle(news, self)
        if self._index.tokens > (1 + GROWTH) * self._first_tokens + SPARED:
            self._workspace.start_anew()

    def _is_other(self, name: str, text: str) -> bool:
        return self._index.held_text(name) != text_digest(text)

    def _read_again(self, notes: Notes, changed: Sequence[str]) -> None:
        """Put what files say now in the place of what they said."""
        merged = self._late if len(self._late) >= MOST_LATE else []
        files = tuple(dict.fromkeys([*(name for late in merged for name in late.files), *changed]))
        batches = list(self._read(notes, files))
        found = {key for batch in batches for key in batch.names}
        self._index.forget(name for name in files if name_digest(name) not in found)
        if not self._index.add(batches, notes.epoch, [late.segment for late in merged]):
            return
        self._late = [late for late in self._late if late not in merged]
        self._late += [
            Late(batch.segment, files)
            for batch in batches
            if batch.segment.tokens <= LARGEST_LATE and len(batches) == 1
        ]

    def _read(self, notes: Notes, files: tuple[str, ...] | None) -> Iterable[Batch]:
        """What the process reads: these files, or all where none are given."""
        known = self._known if files is None else frozenset[str]()
        most = notes.settings.project_megabytes * 1_000_000
        job = Job(
            roots=notes.roots,
            rules=rules_of(notes, known),
            files=files,
            tokenizer=self._tokenizer_path,
            most_bytes=most - round(self._index.tokens * BYTES_PER_TOKEN if known else 0),
        )
        try:
            self.process = IndexingProcess(job)
            if self._ended or self._workspace.notes.epoch != notes.epoch:
                self.process.end()
            with closing(self.process.batches()) as batches:
                for batch in batches:
                    if self._ended or self._workspace.notes.epoch != notes.epoch:
                        return
                    yield batch
        except IndexingError as exc:
            if not self._ended and self._workspace.notes.epoch == notes.epoch:
                log.error("%s", exc)
                self._report(f"not all of the project's files are used: {exc}")
        finally:
            self.process = None


def rules_of(notes: Notes, besides: frozenset[str] = frozenset()) -> Rules:
    """Which files the settings let be read: of the languages that are written, but for some."""
    settings, used = notes.settings, notes.languages - besides
    on = tuple(name for name, is_on in settings.languages.items() if is_on and name in used)
    roots = tuple(dict.fromkeys(name for root in notes.roots for name in (root.shown, root.real)))
    return Rules(languages=on, exclusions=Exclusions(settings.unread, roots))
