"""Everything that is known at one cursor: takes the current file and the project, answers engines."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lsp_server.project.open_texts import OpenTexts
from lsp_server.project.rungs import Levels, Rung
from lsp_server.project.view import ProjectView

DRAFTED_FROM = 2
"""Tokens that a place must share with the context for what follows it to be a draft."""


class Evidence(Protocol):
    """Some text without the cursor's place, as `ProjectView` gives it."""

    def rungs(self, context: Sequence[int]) -> tuple[Rung, ...]:
        """What followed the end of `context`, from the shortest length on."""
        ...

    def following(self, context: Sequence[int], most: int) -> tuple[int, ...]:
        """Up to `most` tokens after a place with the longest match."""
        ...


class ProjectRecall:
    """The open project at one cursor; for one request, on one thread.

    The current file is scanned, so no index has to follow its edits: what it says is what stands
    there now. What the user deleted is gone, and the cursor's own place does not count.
    """

    def __init__(
        self, before: Sequence[int], after: Sequence[int], others: Evidence | None
    ) -> None:
        """`before` and `after` are the token ids of the file around the cursor."""
        texts = OpenTexts(np.array(ids, np.uint16) for ids in (after, before))
        self._current: Evidence = ProjectView((), texts)
        self._others = others
        self._context: tuple[int, ...] = ()
        self._levels: Levels = ((), ())

    def levels(self, context: Sequence[int]) -> Levels:
        """Rungs of the other files and of the current one."""
        if not self._context or self._context != tuple(context):
            others = self._others.rungs(context) if self._others is not None else ()
            self._context = tuple(context)
            self._levels = others, self._current.rungs(context)
        return self._levels

    def following(self, context: Sequence[int], most: int) -> tuple[int, ...]:
        """A draft: what followed the longest match, no longer than that match is.

        Of two matches of one length, the current file's is taken.
        """
        others, current = (longest(rungs) for rungs in self.levels(context))
        length = max(others, current)
        if length < DRAFTED_FROM:
            return ()
        source = self._current if current >= others else self._others
        return source.following(context, min(most, length)) if source is not None else ()


def longest(rungs: Sequence[Rung]) -> int:
    """The longest context that rungs know, in tokens."""
    return rungs[-1].length if rungs else 0
