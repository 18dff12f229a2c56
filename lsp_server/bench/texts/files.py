"""Finds and reads the files to replay."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from random import Random

from lsp_server.contract.languages.profiles import is_named_as
from lsp_server.errors import BenchError

PYTHON = "python"
"""What is replayed where nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file of a workspace."""

    root: Path
    """The workspace's folder, absolute: its repository."""
    path: str
    """In the workspace, with forward slashes."""
    text: str
    """With newlines as its only line ends."""
    language: str = PYTHON
    """As an editor names it."""

    @property
    def uri(self) -> str:
        """Its address in the protocol."""
        return (self.root / self.path).as_uri()

    @property
    def name(self) -> str:
        """Workspace and path, for reports."""
        return f"{self.root.parent.name}/{self.root.name}/{self.path}"


@dataclass(frozen=True, slots=True)
class Target:
    """A file of a repository at a commit."""

    repository: str
    """`owner/name`."""
    path: str
    commit: str


def read_targets(path: Path) -> list[Target]:
    """Rows of a JSON Lines file (or .gz) with repo, path and head; BenchError for any other."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
        targets = [Target(row["repo"], row["path"], row["head"]) for row in rows]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as exc:
        raise BenchError(
            f"expected JSON Lines with repo, path and head in {path}, found: {exc!r}"
        ) from exc
    for target in targets:
        for part in (target.repository, target.path):
            if PurePosixPath(part).is_absolute() or ".." in PurePosixPath(part).parts:
                raise BenchError(f"expected paths inside a repository in {path}, found {part!r}")
    return targets


def read_folders(folders: Sequence[Path], languages: Sequence[str] = (PYTHON,)) -> list[SourceFile]:
    """Every file of the languages below the folders, hidden ones and links left out; each folder is
    a workspace."""
    found = []
    for root in (folder.resolve() for folder in folders):
        if not root.is_dir():
            raise BenchError(f"expected a folder to replay, found no folder at {root}")
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root)
            hidden = any(part.startswith(".") for part in relative.parts)
            named = (name for name in languages if is_named_as((name,), path.name))
            language = next(named, "")
            if language and not hidden and not path.is_symlink() and path.is_file():
                found += read_file(root, relative.as_posix(), language)
    return found


def read_listed(targets: Sequence[Target], root: Path) -> list[SourceFile]:
    """The targets' files below `root/owner/name`, each repository a workspace.

    Raises BenchError where one is missing.
    """
    found = []
    for target in targets:
        repository = root.resolve() / target.repository
        if not (repository / target.path).is_file():
            raise BenchError(
                f"expected {target.path} in {repository}, found none; "
                "write the files there with: lory bench extract"
            )
        found += read_file(repository, target.path)
    return found


def read_sources(
    files: list[Path] | None,
    targets: Path | None,
    root: Path | None,
    languages: Sequence[str] = (PYTHON,),
) -> list[SourceFile]:
    """The files that the command line names, one way or the other."""
    if bool(files) == bool(targets) or (root is None) != (targets is None):
        raise BenchError("expected either --files DIR, or --list FILE with --root DIR")
    if targets is not None and root is not None:
        return read_listed(read_targets(targets), root)
    return read_folders(files or (), languages)


def read_file(root: Path, path: str, language: str = PYTHON) -> list[SourceFile]:
    """The file, or nothing where it is not readable UTF-8 text."""
    try:
        text = (root / path).read_text(encoding="utf-8")
        return [SourceFile(root=root, path=path, text=text, language=language)]
    except (OSError, ValueError):
        return []


def thin_out(files: Sequence[SourceFile], most: int, seed: int) -> list[SourceFile]:
    """The files in the seed's order, no more than `most`; BenchError where there are none."""
    if not files:
        raise BenchError("expected files to replay, found none; name other folders")
    shuffled = sorted(files, key=lambda file: file.name)
    Random(seed).shuffle(shuffled)
    return shuffled[:most]
