"""Source `repositories`: a folder of repositories, each held out or trained on as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.corpus.config import SourcesConfig
from trainer.corpus.readers.files import Admitted
from trainer.corpus.readers.folder import FolderSource
from trainer.corpus.readers.git import LICENCE_BYTES, GitSource
from trainer.corpus.readers.licences import LICENCE_FILES, detect_licence
from trainer.errors import SourceError

GIT = ".git"
BARE = ("HEAD", "objects", "refs")
"""What a repository without a checkout holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoriesSource:
    """A folder that holds clones, bare or not, and plain folders of code; its options.

    A folder that holds nothing but folders, one of them a clone, is an owner of repositories.
    """

    path: str
    licence: str = ""
    """Of all of them; empty for what each one's licence file says."""

    def read(self, config: SourcesConfig) -> Admitted:
        """Their documents, by name; raises SourceError where there is no such folder, or none."""
        root = Path(self.path).expanduser()
        found = list(repositories(root)) if root.is_dir() else []
        if not found:
            raise SourceError(
                f"source repositories: expected a folder of repositories at {self.path}, found "
                f"{'none in it' if root.is_dir() else 'no folder'}; put clones there, or name "
                "another with `path`"
            )
        for name, folder in found:
            if is_repository(folder):
                yield from GitSource(path=str(folder), repo=name, licence=self.licence).read(config)
            else:
                licence = self.licence or folder_licence(folder)
                source = FolderSource(path=str(folder), repo=name, licence=licence)
                yield from source.read(config)


def repositories(root: Path) -> Iterator[tuple[str, Path]]:
    """Name and folder of each repository, also of `owner/name`, by name; links are not followed."""
    for folder in folders_in(root):
        inner = folders_in(folder)
        if not is_repository(folder) and any(map(is_repository, inner)) and not has_files(folder):
            yield from ((f"{folder.name}/{plain(one)}", one) for one in inner)
        else:
            yield plain(folder), folder


def folders_in(root: Path) -> list[Path]:
    """Folders that are no links and not hidden, by name."""
    inner = (path for path in root.iterdir() if not path.name.startswith("."))
    return sorted(path for path in inner if path.is_dir() and not path.is_symlink())


def has_files(folder: Path) -> bool:
    """Whether anything but folders is in a folder."""
    return any(not path.is_dir() for path in folder.iterdir())


def is_repository(folder: Path) -> bool:
    """Whether a folder is a clone, bare or not."""
    return (folder / GIT).exists() or all((folder / name).exists() for name in BARE)


def plain(folder: Path) -> str:
    """A repository's name."""
    return folder.name.removesuffix(GIT)


def folder_licence(folder: Path) -> str:
    """Licence of the first licence file in which one is recognised, else `unknown`."""
    files = sorted(path for path in folder.iterdir() if LICENCE_FILES.match(path.name))
    for path in files:
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                found = detect_licence(file.read(LICENCE_BYTES).decode("utf-8", "replace"))
            if found != "unknown":
                return found
    return "unknown"
