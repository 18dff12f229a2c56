"""Everything that is known at one cursor: takes the current file and the project, answers engines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lsp_server.project.current_file import CurrentFile
from lsp_server.project.rungs import Levels, Rung

DRAFTED_FROM = 2
"""Tokens that a place must share with the context for what follows it to be a draft."""


class OtherFiles(Protocol):
    """The project without the current file, as `ProjectIndex.view` gives it."""

    def rungs(self, context: Sequence[int]) -> tuple[Rung, ...]:
        """What followed the end of `context`, from the shortest length on."""
        ...

    def following(self, context: Sequence[int], most: int) -> tuple[int, ...]:
        """Up to `most` tokens after a place with the longest match."""
        ...


@dataclass(slots=True)
class ProjectRecall:
    """The open project at one cursor; for one request, on one thread."""

    current: CurrentFile
    others: OtherFiles | None

    def levels(self, context: Sequence[int]) -> Levels:
        """Rungs of the other files and of the current one."""
        others = self.others.rungs(context) if self.others is not None else ()
        return others, self.current.rungs(context)

    def following(self, context: Sequence[int], most: int) -> tuple[int, ...]:
        """A draft: what followed the longest match, no longer than that match is.

        Of two matches of one length, the current file's is taken.
        """
        others, current = (longest(rungs) for rungs in self.levels(context))
        length = max(others, current)
        if length < DRAFTED_FROM:
            return ()
        source = self.current if current >= others else self.others
        return source.following(context, min(most, length)) if source is not None else ()


def longest(rungs: Sequence[Rung]) -> int:
    """The longest context that rungs know, in tokens."""
    return rungs[-1].length if rungs else 0
