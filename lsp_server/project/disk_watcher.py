"""Tells the workspace what happens to its files, for editors that do not.

A thread that begins once the project has been read. Only folders that may be read are watched, each
by itself: no hidden one, no environment, nothing that is excluded.
"""

import logging
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsp_server.project.file_follower import rules_of
from lsp_server.project.index.store import ProjectIndex
from lsp_server.project.walk import Rules, is_foreign, walk_folders
from lsp_server.project.workspace import Notes

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

GATHER_MS = 1_000
"""Changes of this time are told together."""
STEP_MS = 250
"""Between two looks: how late a change is told, and how late this thread ends."""
MOST_FOLDERS = 8_000
"""That are watched, the nearest: a system has a limit for all programs."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """The folders that are watched, and their files that may be read."""

    folders: frozenset[str]
    files: frozenset[str]


class DiskWatcher:
    """What watches the project's folders."""

    def __init__(self, index: ProjectIndex) -> None:
        self._index = index
        self._workspace = index.workspace
        self._ended = False
        self._epoch = -1
        self._read_since = (-1, 0.0)
        """An epoch, and when its files began to be read: seconds since 1970."""

    def run(self) -> None:
        """Watch until `end`."""
        while True:
            with self._workspace.changed:
                self._workspace.changed.wait_for(lambda: self._ended or self._is_due())
                self._epoch = self._workspace.notes.epoch
            if self._ended:
                return
            try:
                self._watch(self._workspace.notes)
            except FileNotFoundError:  # a folder that went before it was watched
                self._epoch = -1
            except (ImportError, OSError, RuntimeError) as exc:  # such as the system's limit
                log.warning("the project's files are not watched: %s", exc)
                return

    def end(self) -> None:
        """Watch no more; does not wait."""
        with self._workspace.changed:
            self._ended = True
            self._workspace.changed.notify_all()

    def is_set(self) -> bool:
        """Whether to watch other folders, or none; who watches asks this again and again."""
        return self._ended or self._workspace.notes.epoch != self._epoch

    def _is_due(self) -> bool:
        notes = self._workspace.notes
        if notes.epoch != self._read_since[0]:
            self._read_since = notes.epoch, time.time()
        wanted = notes.settings.enabled and notes.settings.project and notes.roots
        return bool(wanted) and self._index.is_whole and notes.epoch != self._epoch

    def _watch(self, notes: Notes) -> None:
        from watchfiles._rust_notify import RustNotify

        rules = rules_of(notes)
        before = look(notes, rules)
        if len(before.folders) < MOST_FOLDERS:
            self._index.keep(before.files)  # what went while it was read
        self._tell(newer(before.files, self._read_since[1]))
        while not self.is_set():
            with RustNotify(sorted(before.folders), False, False, 0, False, True) as watcher:
                now = look(notes, rules)
                self._tell(now.files ^ before.files)  # what came or went before it was watched
                if now.folders == before.folders and not self._listen(watcher, rules, now):
                    return
            before = Watched(look(notes, rules).folders, now.files)

    def _listen(self, watcher: "RustNotify", rules: Rules, watched: Watched) -> bool:
        """Tell what changes until there are other folders; False where nothing is to be told."""
        while not self.is_set():
            found = watcher.watch(GATHER_MS, STEP_MS, 0, self)
            if isinstance(found, str):
                return False
            paths = {path.replace(os.sep, "/") for _, path in found}
            self._tell(filter(rules.is_source, paths))
            if any(is_news(path, watched.folders) for path in paths):
                return True
        return False

    def _tell(self, paths: Iterable[str]) -> None:
        if files := list(paths):
            self._workspace.touch_files(files)


def look(notes: Notes, rules: Rules) -> Watched:
    """The folders and files that there are."""
    folders: set[str] = set()
    files: set[str] = set()
    for root, folder, listing in walk_folders(notes.roots, rules):
        if len(folders) == MOST_FOLDERS:
            log.warning("of the project's folders %d are watched, no more", MOST_FOLDERS)
            break
        folders.add(folder)
        names = (f"{folder}/{name}" for name in filter(rules.is_source, listing.files))
        files |= {path for path in names if rules.may_read(root, path)}
    return Watched(frozenset(folders), frozenset(files))


def newer(files: Iterable[str], since: float) -> set[str]:
    """Files that were written after a time, or while one looks."""
    found = set()
    for path in files:
        with suppress(OSError):
            if os.lstat(path).st_mtime >= since:
                found.add(path)
    return found


def is_news(path: str, folders: frozenset[str]) -> bool:
    """Whether a change is one of the folders: a new one, or one that is gone."""
    there = os.path.isdir(path) and not os.path.islink(path)
    return not there if path in folders else there and not is_foreign(path.rpartition("/")[2])
