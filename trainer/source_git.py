"""Source plugin `git`: takes repositories, bare ones too, gives a commit's files, no checkout."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trainer.config import SourcesConfig
from trainer.errors import SourceError
from trainer.licences import LICENCE_FILES, detect_licence
from trainer.source_files import Admitted, Origin, Skipped, SourceFile, admit_files, skip


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
        rows = named if self.path else read_list(Path(self.list), self.commit)
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
    licence = licence or repository_licence(repository, found.tree)
    origin = Origin("git", name, str(found.id), licence)
    listed = list_tree(repository, found.tree, origin, tuple(config.suffixes))
    yield from admit_files(origin, listed, config)


def list_tree(
    repository: Any, tree: Any, origin: Origin, suffixes: tuple[str, ...]
) -> Iterator[SourceFile | Skipped]:
    """Files of a tree and the trees below it; links and submodules are not followed."""
    from pygit2.enums import FileMode

    pending = [("", tree)]
    while pending:
        folder, current = pending.pop()
        for entry in current:
            name = folder + entry.name
            if entry.filemode == FileMode.TREE:
                pending.append((f"{name}/", entry))
            elif not name.endswith(suffixes):
                continue
            elif entry.filemode == FileMode.LINK:
                yield skip(origin, name, "link")
            elif entry.filemode != FileMode.COMMIT:
                yield SourceFile(name, partial(load_blob, repository, entry.id))


def load_blob(repository: Any, blob: Any, limit: int) -> bytes:
    """The first `limit` bytes of a blob; raises OSError where a partial clone lacks it."""
    try:
        return bytes(memoryview(repository[blob])[:limit])
    except KeyError as exc:
        raise OSError(f"object {blob} is missing") from exc


def repository_licence(repository: Any, tree: Any) -> str:
    """Licence of the first licence file at the root that one is recognised in, else `unknown`."""
    names = sorted(entry.name for entry in tree if LICENCE_FILES.match(entry.name))
    found = (licence_at(repository, tree[name]) for name in names)
    return next((licence for licence in found if licence != "unknown"), "unknown")


def licence_at(repository: Any, entry: Any) -> str:
    """Licence of one tree entry; a folder or a missing object has none."""
    from pygit2.enums import ObjectType

    if entry.type != ObjectType.BLOB:
        return "unknown"
    try:
        return detect_licence(load_blob(repository, entry.id, 100_000).decode("utf-8", "replace"))
    except OSError:
        return "unknown"
