"""Source `folder`: the files of a local folder; links are not followed."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trainer.corpus.config import SourcesConfig
from trainer.corpus.readers.files import (
    VENDORED,
    Admitted,
    Origin,
    Skipped,
    SourceFile,
    admit_files,
    skip,
)
from trainer.errors import SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSource:
    """A folder and what lies below it; its options."""

    path: str
    repo: str = ""
    """Empty for the folder's name."""
    licence: str = "unknown"

    def read(self, config: SourcesConfig) -> Admitted:
        """The folder's documents; raises SourceError where `path` is no folder."""
        root = Path(self.path).expanduser()
        if not root.is_dir():
            raise SourceError(
                f"source folder: expected a folder at {self.path}, found none; correct `path`"
            )
        origin = Origin("folder", self.repo or root.resolve().name, "", self.licence)
        return admit_files(origin, list_folder(root, origin, tuple(config.suffixes)), config)


def list_folder(
    root: Path, origin: Origin, suffixes: tuple[str, ...]
) -> Iterator[SourceFile | Skipped]:
    """Files under `root` that end in `suffixes`; links and unreadable folders are skipped."""
    unlisted: list[OSError] = []
    for folder, subfolders, names in os.walk(root, onerror=unlisted.append, followlinks=False):
        kept = sorted(name for name in subfolders if name not in VENDORED)
        linked = [name for name in kept if os.path.islink(os.path.join(folder, name))]
        subfolders[:] = [name for name in kept if name not in linked]
        for name in linked:
            yield skip(origin, relative(Path(folder, name), root), "link")
        for name in names:
            if name.endswith(suffixes):
                yield list_file(Path(folder, name), root, origin)
    for error in unlisted:
        yield skip(origin, relative(Path(error.filename), root), f"unreadable: {error.strerror}")


def list_file(file: Path, root: Path, origin: Origin) -> SourceFile | Skipped:
    """A regular file to read, or why it is none; a pipe or device would block the reader."""
    name = relative(file, root)
    try:
        mode = file.lstat().st_mode
    except OSError as exc:
        return skip(origin, name, f"unreadable: {exc.strerror}")
    if stat.S_ISLNK(mode):
        return skip(origin, name, "link")
    if not stat.S_ISREG(mode):
        return skip(origin, name, "not a regular file")
    return SourceFile(name, partial(load_file, file))


def load_file(file: Path, limit: int) -> bytes:
    """The first `limit` bytes of a file; raises OSError."""
    with file.open("rb") as stream:
        return stream.read(limit)


def relative(path: Path, root: Path) -> str:
    """The path below `root` with forward slashes."""
    return path.relative_to(root).as_posix()
