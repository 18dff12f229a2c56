"""A folder that holds a repository's Python files as they were before one commit after another."""

from pathlib import Path

from lsp_server.bench.commits.history import EMPTY_TREE, LARGEST_FILE
from lsp_server.bench.commits.repository import Repository

AT_ONCE = 200
"""Files read with one command."""


class StateFolder:
    """What an editor would have open; only what differs from the last state is written."""

    def __init__(self, repository: Repository, root: Path) -> None:
        self._repository = repository
        self.root = root
        self._there: dict[str, str] = {}
        """Digest of each file that stands in the folder."""
        root.mkdir(parents=True, exist_ok=True)

    def change_to(self, commit: str) -> None:
        """Makes the folder what the commit is; EMPTY_TREE empties it.

        A file whose object is missing, or that is too large for a project's file, is left out.
        Raises BenchError where the commit's folders cannot be read.
        """
        listed = [] if commit == EMPTY_TREE else self._repository.python_files(commit)
        wanted = {blob.path: blob.digest for blob in listed}
        for path in [path for path, digest in self._there.items() if wanted.get(path) != digest]:
            (self.root / path).unlink(missing_ok=True)
            del self._there[path]
        new = [path for path in wanted if path not in self._there]
        for start in range(0, len(new), AT_ONCE):
            self._write({path: wanted[path] for path in new[start : start + AT_ONCE]})

    def _write(self, wanted: dict[str, str]) -> None:
        contents = self._repository.contents(list(wanted.values()))
        for (path, digest), content in zip(wanted.items(), contents, strict=True):
            place = self.root / path
            if content is None or len(content) > LARGEST_FILE or not has_room(place, self.root):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            self._there[path] = digest


def has_room(place: Path, root: Path) -> bool:
    """Whether no file of another state stands where one of the path's folders should be."""
    between = [parent for parent in place.parents if parent.is_relative_to(root)]
    return not place.is_dir() and not any(parent.is_file() for parent in between)
