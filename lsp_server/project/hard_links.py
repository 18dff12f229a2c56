"""Files that have another name, which is excluded: a hard link is no way around a rule.

A file tells how many names it has, not which. So where one has several, the excluded files of the
workspace are listed once and compared. Names outside of the workspace are not known.
"""

import os
from collections.abc import Iterator, Sequence
from itertools import islice

from lsp_server.project.walk import MOST_ENTRIES, Root, Rules


class OtherNames:
    """The excluded files of a workspace, looked up when a file with several names is met."""

    def __init__(self, roots: Sequence[Root], rules: Rules) -> None:
        self._roots = roots
        self._rules = rules
        self._excluded: frozenset[tuple[int, int]] | None = None

    def allow(self, status: os.stat_result) -> bool:
        """Whether none of a file's names that are known is excluded."""
        if status.st_nlink < 2:
            return True
        if self._excluded is None:
            self._excluded = frozenset(self._marks())
        return (status.st_dev, status.st_ino) not in self._excluded

    def _marks(self) -> Iterator[tuple[int, int]]:
        found = ((root, path) for root in self._roots for path in all_files(root.real or "/"))
        for root, path in islice(found, MOST_ENTRIES):
            if not self._rules.may_read(root, path):
                try:
                    status = os.lstat(path)
                except OSError:
                    continue
                if status.st_nlink > 1:
                    yield status.st_dev, status.st_ino


def one_name(status: os.stat_result) -> bool:
    """Whether a file has no other name: what is wanted where nobody looks for the others."""
    return status.st_nlink < 2


def all_files(folder: str) -> Iterator[str]:
    """Every file below a folder, hidden ones too, over no link."""
    for place, _, names in os.walk(folder):
        yield from (f"{place.replace(os.sep, '/').rstrip('/')}/{name}" for name in names)
