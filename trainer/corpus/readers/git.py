"""Source `git`: a commit's files from git repositories, without a checkout."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trainer.corpus.config import SourcesConfig
from trainer.corpus.readers.files import (
    Admitted,
    Origin,
    Skipped,
    SourceFile,
    TooLarge,
    admit_files,
    skip,
)
from trainer.corpus.readers.licences import LICENCE_FILES, detect_licence
from trainer.errors import SourceError

LONGEST_PATH = 500
"""Characters; what lies deeper is left out. No file of a real project needs as many."""

LARGEST_TREE = 10_000_000
"""Bytes of one folder's object: some 250,000 names."""

LARGEST_LICENCE, LICENCE_BYTES = 1_000_000, 100_000
"""Bytes of a licence file that is opened, and those of it that are read for its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitSource:
    """One repository at `path`, or each that the file `list` names; its options."""

    path: str = ""
    list: str = ""
    """A file of lines `owner/name<TAB>path[<TAB>commit]`."""
    commit: str = "HEAD"
    repo: str = ""
    """Name of the repository at `path`; empty for its folder's."""
    licence: str = ""
    """Empty for what the repository's licence file says."""

    def read(self, config: SourcesConfig) -> Admitted:
        """The repositories' documents; raises SourceError for what cannot be opened."""
        if bool(self.path) == bool(self.list):
            raise SourceError(
                "source git: expected either `path` or `list`, found both or none; give one"
            )
        named = [(self.repo or repository_name(self.path), self.path, self.commit)]
        rows = named if self.path else read_list(Path(self.list).expanduser(), self.commit)
        for name, folder, commit in rows:
            yield from read_repository(config, folder, name, commit, self.licence)


def read_list(path: Path, commit: str) -> Iterator[tuple[str, str, str]]:
    """Name, folder and commit of each line of a list of repositories."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise SourceError(f"source git: cannot read the list {path}: {exc}") from exc
    for number, line in enumerate(lines, 1):
        fields = line.split("\t")
        if not line.strip():
            continue
        if len(fields) not in (2, 3):
            raise SourceError(
                f"{path}:{number}: expected owner/name<TAB>path[<TAB>commit], found {line!r}"
            )
        yield fields[0], fields[1], fields[2] if len(fields) == 3 else commit


def repository_name(path: str) -> str:
    """Name of the folder that holds the repository: `x` for `x`, `x/.git` and `x.git`."""
    folder = Path(path).expanduser().resolve()
    return folder.parent.name if folder.name == ".git" else folder.name.removesuffix(".git")


def read_repository(
    config: SourcesConfig, path: str, name: str, commit: str, licence: str
) -> Admitted:
    """Documents of one repository at one commit, straight from its object database."""
    import pygit2

    try:
        repository = pygit2.Repository(str(Path(path).expanduser()))
        found = repository.revparse_single(commit).peel(pygit2.Commit)
    except (pygit2.GitError, KeyError, ValueError, OSError) as exc:
        raise SourceError(
            f"source git: expected a repository with commit {commit} at {path}, found {exc}; "
            f"correct `path` or `commit`"
        ) from exc
    root = read_tree(repository, found.tree_id)
    if isinstance(root, str):
        yield skip(Origin("git", name, str(found.id), licence or "unknown"), "", root)
        return
    licence = licence or repository_licence(repository, root)
    origin = Origin("git", name, str(found.id), licence)
    walk = Walk(repository, origin, tuple(config.suffixes), config.max_repository_files)
    yield from admit_files(origin, walk.files(root), config)


@dataclass(slots=True)
class Walk:
    """The way through a commit's trees, which may be crafted: nothing is read before its size."""

    repository: Any
    origin: Origin
    suffixes: tuple[str, ...]
    most: int
    """Entries of trees that are looked at; the same tree may stand in many places."""
    seen: int = 0

    def files(self, root: Any) -> Iterator[SourceFile | Skipped]:
        """Files of a tree and the trees below it; links and submodules are not followed."""
        from pygit2.enums import FileMode

        pending = [("", root)]
        while pending:
            folder, tree = pending.pop()
            opened = read_tree(self.repository, tree) if folder else tree
            if isinstance(opened, str):
                yield skip(self.origin, folder, opened)
                continue
            for entry in opened:
                self.seen += 1
                name = folder + entry.name
                if self.seen > self.most:
                    yield skip(self.origin, name, "over the repository's number of files")
                    return
                if len(name) > LONGEST_PATH:
                    yield skip(self.origin, name[:LONGEST_PATH], "path too long")
                elif entry.filemode == FileMode.TREE:
                    pending.append((f"{name}/", entry.id))
                elif name.endswith(self.suffixes):
                    yield from self.file(entry, name)

    def file(self, entry: Any, name: str) -> Iterator[SourceFile | Skipped]:
        """A tree's entry as a file to read, or why it is none; submodules are not mentioned."""
        from pygit2.enums import FileMode

        if entry.filemode == FileMode.LINK:
            yield skip(self.origin, name, "link")
        elif entry.filemode != FileMode.COMMIT:
            yield SourceFile(name, partial(load_blob, self.repository, entry.id))


def read_tree(repository: Any, tree: Any) -> Any:
    """The tree of an id, or, as a string, the reason why it cannot be had."""
    import pygit2
    from pygit2.enums import ObjectType

    try:
        kind, size = repository.odb.read_header(tree)
        if kind != ObjectType.TREE:
            return "unreadable: not a folder's object"
        return repository[tree] if size <= LARGEST_TREE else "too large a folder"
    except (KeyError, ValueError, pygit2.GitError):
        return "unreadable: object missing or damaged"


def load_blob(repository: Any, blob: Any, limit: int) -> bytes:
    """A blob of less than `limit` bytes; raises TooLarge for others, unread.

    Raises OSError where a partial clone lacks it, or it is damaged.
    """
    import pygit2
    from pygit2.enums import ObjectType

    try:
        kind, size = repository.odb.read_header(blob)
        if kind != ObjectType.BLOB:
            raise OSError("not a file's object")
        if size >= limit:
            raise TooLarge
        return bytes(memoryview(repository[blob]))
    except (KeyError, ValueError, pygit2.GitError) as exc:
        raise OSError("object missing or damaged") from exc


def repository_licence(repository: Any, tree: Any) -> str:
    """Licence of the first licence file at the root that one is recognised in, else `unknown`."""
    names = sorted(entry.name for entry in tree if LICENCE_FILES.match(entry.name))
    found = (licence_at(repository, tree[name]) for name in names)
    return next((licence for licence in found if licence != "unknown"), "unknown")


def licence_at(repository: Any, entry: Any) -> str:
    """Licence of one tree entry; a folder, a missing object and a huge one have none."""
    try:
        data = load_blob(repository, entry.id, LARGEST_LICENCE)
    except OSError:
        return "unknown"
    return detect_licence(data[:LICENCE_BYTES].decode("utf-8", "replace"))
