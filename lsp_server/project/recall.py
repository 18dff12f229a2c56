"""Looks up the current file and the project for the engine, at one cursor."""

from collections.abc import Sequence
from typing import Protocol

from lsp_server.contract.recall import Levels, Rung
from lsp_server.project.index.kept_ids import keep_ids
from lsp_server.project.index.open_texts import OpenTexts
from lsp_server.project.index.view import ProjectView


class Evidence(Protocol):
    """Some text without the cursor's place, as `ProjectView` gives it."""

    def rungs(self, context: Sequence[int]) -> tuple[Rung, ...]:
        """What followed the end of `context`, from the shortest length on."""
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
        texts = OpenTexts(keep_ids(ids) for ids in (after, before))
        self._current: Evidence = ProjectView((), texts)
        self._others = others
        self._known: dict[tuple[int, ...], Levels] = {}

    def levels(self, context: Sequence[int]) -> Levels:
        """Rungs of the other files and of the current one."""
        key = tuple(context)
        known = self._known.get(key)
        if known is None:  # a draft and its verification ask the same
            others = self._others.rungs(context) if self._others is not None else ()
            known = self._known[key] = others, self._current.rungs(context)
        return known
