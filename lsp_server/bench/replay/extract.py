"""Files of repositories at commits: takes targets and local clones, writes them as workspaces.

Git's objects are read, nothing is checked out: bare clones serve as well, and stay as they are.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from pathlib import Path

from lsp_server.bench.texts.files import Target
from lsp_server.errors import BenchError

PYTHON_FILE_MODES = ("100644", "100755")
"""Git's modes of regular files: links and submodules are left out."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A local clone at a commit."""

    clone: Path
    commit: str


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
        git(snapshot, "cat-file", "-e", f"{snapshot.commit}^{{commit}}")
    except BenchError as exc:
        raise BenchError(
            f"expected commit {snapshot.commit} in {snapshot.clone}, found none; "
            "fetch it there (git fetch origin, with the whole history)"
        ) from exc


def list_python(snapshot: Snapshot) -> list[str]:
    """Paths of all regular Python files of the commit."""
    rows = git(snapshot, "ls-tree", "-r", "-z", snapshot.commit).decode().split("\0")
    entries = [row.partition("\t") for row in rows if row]
    regular = [path for meta, _, path in entries if meta.startswith(PYTHON_FILE_MODES)]
    return [path for path in regular if path.endswith(".py")]


def write_files(snapshot: Snapshot, paths: Sequence[str], folder: Path) -> int:
    """Writes the files' bytes as they are in the commit, below `folder`."""
    asked = "".join(f"{snapshot.commit}:{path}\n" for path in paths).encode()
    objects = BytesIO(git(snapshot, "cat-file", "--batch", stdin=asked))
    for path in paths:
        size = objects.readline().split()[-1]
        if not size.isdigit():
            raise BenchError(
                f"expected {path} in {snapshot.clone} at {snapshot.commit}, found none; "
                "check the list of targets"
            )
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(objects.read(int(size)))
        objects.readline()
    return len(paths)


def git(snapshot: Snapshot, *words: str, stdin: bytes = b"") -> bytes:
    """Output of a git command on the clone; BenchError where git is missing or fails."""
    where = snapshot.clone / ".git" if (snapshot.clone / ".git").exists() else snapshot.clone
    command = ["git", "--git-dir", str(where), *words]
    try:
        return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout
    except FileNotFoundError as exc:
        raise BenchError(
            "expected the git command to read clones, found none; install git"
        ) from exc
    except subprocess.CalledProcessError as exc:
        reason = exc.stderr.decode(errors="replace").strip()
        raise BenchError(f"expected git to read {snapshot.clone}, found: {reason}") from exc
