"""Lists the files that make up the project.

Nearest first, by name within a folder. No link is followed, so nothing outside of the folders is
reached and no loop is entered; a folder that may not be listed is passed over.
"""

import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from lsp_server.contract.languages.profiles import is_named_as
from lsp_server.documents.exclusions import Exclusions

FOREIGN = frozenset(
    ("node_modules", "__pycache__", "site-packages", "venv", "build", "dist", "__pypackages__")
)
"""Names of folders that hold what others wrote or what is made; hidden ones are left out too."""
ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta")
"""A folder that holds one of these is an environment of installed packages."""
MOST_FILES = 100_000
MOST_ENTRIES = 1_000_000
"""Files and folders of any kind that are looked at."""


@dataclass(frozen=True, slots=True)
class Root:
    """One of the workspace's folders."""

    shown: str
    """Its path as the editor names it."""
    real: str
    """Its path without links."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Which files may be read."""

    languages: tuple[str, ...]
    """Language ids."""
    exclusions: Exclusions
    """What is not read."""

    def is_source(self, name: str) -> bool:
        """Whether a file's name is that of a language's source."""
        return is_named_as(self.languages, name)

    def may_read(self, root: Root, path: str) -> bool:
        """Whether neither the real path nor the one that the editor would show is excluded."""
        shown = root.shown + path[len(root.real) :]
        return self.exclusions.allow(path, shown)


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds, in order."""

    folders: list[str]
    files: list[str]
    entries: int
    of_environment: bool = False
    """Whether it is one of installed packages."""


def root_of(folder: str) -> Root:
    """A folder's root, by the path that the editor gives."""
    real = os.path.realpath(folder).replace(os.sep, "/")
    return Root(folder.rstrip("/"), real.rstrip("/"))


def find_files(roots: Sequence[Root], rules: Rules) -> Iterator[str]:
    """The real paths of every file that may be read, each once, MOST_FILES at most."""
    files = (
        path
        for root, folder, listing in walk_folders(roots, rules)
        for path in (f"{folder}/{name}" for name in filter(rules.is_source, listing.files))
        if rules.may_read(root, path)
    )
    return islice(files, MOST_FILES)


def walk_folders(roots: Sequence[Root], rules: Rules) -> Iterator[tuple[Root, str, Listing]]:
    """Every folder that may be read, each once, with its root and what it holds."""
    waiting = deque((root, root.real) for root in roots if rules.may_read(root, root.real))
    seen: set[tuple[int, int] | str] = set()
    entries = 0
    while waiting and entries < MOST_ENTRIES:
        root, folder = waiting.popleft()
        if is_new(folder, seen):
            listing = list_folder(folder, top=folder == root.real)
            entries += listing.entries
            inside = (f"{folder}/{name}" for name in listing.folders)
            waiting.extend((root, path) for path in inside if rules.may_read(root, path))
            if not listing.of_environment:
                yield root, folder, listing


def is_new(folder: str, seen: set[tuple[int, int] | str]) -> bool:
    """Whether a folder is none of those seen, and not one that leads elsewhere; it is seen now."""
    try:
        status = os.lstat(folder or "/")
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode) or getattr(status, "st_reparse_tag", None):
        return False
    mark = (status.st_dev, status.st_ino) if status.st_ino else folder
    known = mark in seen
    seen.add(mark)
    return not known


def list_folder(folder: str, *, top: bool) -> Listing:
    """The source folders and plain files in a folder; nothing where it cannot be listed."""
    folders, files, entries = [], [], 0
    try:
        with os.scandir(folder or "/") as found:
            for entry in found:
                entries += 1
                if not entry.name.isprintable():
                    continue  # no URI names it without doubt
                if entry.name in ENVIRONMENT_MARKS and not top:
                    return Listing([], [], entries, of_environment=True)
                if entry.is_dir(follow_symlinks=False):
                    folders += [] if is_foreign(entry.name) else [entry.name]
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry.name)
    except OSError:
        return Listing([], [], entries)
    return Listing(sorted(folders), sorted(files), entries)


def is_foreign(name: str) -> bool:
    """Whether a folder of this name is left out."""
    return name.startswith(".") or name in FOREIGN


def is_inside(path: str, roots: Sequence[Root], rules: Rules) -> bool:
    """Whether `find_files` would give a file of this real path, if it is there."""
    return rules.is_source(path) and any(
        is_own(path, root) and rules.may_read(root, path) and not in_environment(path, root)
        for root in roots
    )


def is_own(path: str, root: Root) -> bool:
    """Whether a real path lies below a root, and in no folder whose name leaves it out."""
    inside = path.removeprefix(f"{root.real}/")
    return inside != path and not any(map(is_foreign, inside.split("/")[:-1]))


def in_environment(path: str, root: Root) -> bool:
    """Whether a path within a root lies in an environment of installed packages."""
    while len(path := path.rpartition("/")[0]) > len(root.real):
        if any(os.path.lexists(f"{path}/{mark}") for mark in ENVIRONMENT_MARKS):
            return True
    return False
