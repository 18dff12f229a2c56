"""Writes files of repositories at given commits to disk, as workspaces to replay in.

Git's objects are read, nothing is checked out: bare clones serve as well, and stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from lsp_server.bench.commits.repository import Repository
from lsp_server.bench.texts.files import Target
from lsp_server.errors import BenchError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A local clone at a commit."""

    clone: Path
    commit: str

    @property
    def repository(self) -> Repository:
        """The clone's objects."""
        where = self.clone / ".git"
        return Repository(where if where.exists() else self.clone)


def extract(targets: Sequence[Target], clones: str, out: Path, *, whole: bool) -> int:
    """Writes each target to `out/owner/name/path`; gives the number of files written.

    `clones` is a path with `{owner}` and `{name}` in it. `whole` adds the other Python files of
    each commit, which an editor's workspace has too. Raises BenchError where a clone, a commit or
    a file is missing.
    """
    written = 0
    ordered = sorted(targets, key=lambda target: (target.repository, target.commit))
    for (repository, commit), group in groupby(ordered, lambda t: (t.repository, t.commit)):
        owner, _, name = repository.partition("/")
        snapshot = Snapshot(Path(clones.replace("{owner}", owner).replace("{name}", name)), commit)
        check(snapshot, repository)
        paths = {target.path for target in group}
        if whole:
            paths |= set(list_python(snapshot))
        written += write_files(snapshot, sorted(paths), out / repository)
    return written


def check(snapshot: Snapshot, repository: str) -> None:
    """Raises BenchError where the clone or the commit is missing."""
    if not snapshot.clone.is_dir():
        raise BenchError(
            f"expected a clone of {repository} at {snapshot.clone}, found none; "
            "clone it there or name another place with --git"
        )
    try:
        snapshot.repository.run("cat-file", "-e", f"{snapshot.commit}^{{commit}}")
    except BenchError as exc:
        raise BenchError(
            f"expected commit {snapshot.commit} in {snapshot.clone}, found none; "
            "fetch it there (git fetch origin, with the whole history)"
        ) from exc


def list_python(snapshot: Snapshot) -> list[str]:
    """Paths of all regular Python files of the commit."""
    return [blob.path for blob in snapshot.repository.python_files(snapshot.commit)]


def write_files(snapshot: Snapshot, paths: Sequence[str], folder: Path) -> int:
    """Writes the files' bytes as they are in the commit, below `folder`."""
    contents = snapshot.repository.contents([f"{snapshot.commit}:{path}" for path in paths])
    for path, content in zip(paths, contents, strict=True):
        if content is None:
            raise BenchError(
                f"expected {path} in {snapshot.clone} at {snapshot.commit}, found none; "
                "check the list of targets"
            )
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return len(paths)
