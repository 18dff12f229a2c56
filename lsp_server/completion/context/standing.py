"""Maps a cursor to the canonical text and a completion back into the file's own form.

A line that begins a statement may stand at an open block's level alone, or one level below a
header; a line within brackets or a string may stand anywhere. What is written elsewhere fits
nowhere: no reader of Python would take it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lsp_server.completion.selection.candidates import truncate
from lsp_server.contract.line_state import Level, LineState, Logical, advance, own_space
from lsp_server.contract.text_form import CANONICAL, LEVEL, TextForm
from lsp_server.engines import Candidate


@dataclass(frozen=True, slots=True)
class Spacing:
    """White space at the start of one of a completion's lines, and what the file has for it."""

    start: int
    end: int
    own: str | None
    """None where the line fits nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a cursor stands."""

    form: TextForm
    """The file's."""
    state: LineState
    """What is open where the cursor's line begins."""
    line: str
    """The cursor's line up to the cursor, in the canonical form."""
    own_line: str
    """The same in the file."""
    asked: bool = False
    """Whether a person asks, who has put the cursor where the line is to begin."""
    below: Level | None = None
    """The indentation of the next line with text; None where the cursor's line goes on."""

    @property
    def begins_line(self) -> bool:
        """Whether nothing but white space stands before the cursor on its line."""
        return not self.line.strip(" \t")

    def fits(self, text: str) -> bool:
        """Whether a completion may begin with this text; once it may not, more text is no cure."""
        if not self.begins_line and "\n" not in text:
            return True
        return all(spacing.own is not None for spacing in self.spacings(text))

    def in_own_form(self, candidate: Candidate) -> Candidate:
        """A completion as the file would have it, up to the first line that fits nowhere."""
        text = candidate.text
        spacings = list(self.spacings(text))
        if spacings and spacings[-1].own is None:
            candidate = truncate(candidate, max(spacings.pop().start - 1, 0))
        unlikely = candidate.unlikely and self.in_own_form(candidate.unlikely)
        changed = {item.start: item for item in spacings if item.own != text[item.start : item.end]}
        if not changed and unlikely is candidate.unlikely:
            return candidate
        return replace(candidate, tokens=respace(candidate.tokens, changed), unlikely=unlikely)

    def spacings(self, text: str) -> Iterator[Spacing]:
        """The white space of each line that a completion begins, up to one that fits nowhere."""
        lines = text.split("\n")
        state, start = self.state, 0
        for number, written in enumerate(lines):
            first, last = number == 0, number + 1 == len(lines)
            content = written.lstrip(" \t")
            end = start + len(written) - len(content)
            column = CANONICAL.columns(written[: end - start]) + (len(self.line) if first else 0)
            if first and not self.begins_line:
                level, content = self._begun(written)
            elif not content and not last:
                yield Spacing(start, end, self.form.space(CANONICAL.columns(written)))
                level = Level(column, "")
            else:
                own = self._own(state, column, content, first=first)
                known = len(self.own_line) if first else 0
                yield Spacing(start, end, None if own is None else own[known:])
                if own is None:
                    return
                level = Level(column, own)
            if not last:
                state = advance(state, content, level)
            start += len(written) + 1

    def _begun(self, written: str) -> tuple[Level, str]:
        """Indentation and content of the cursor's line, once it goes on so."""
        content = self.line.lstrip(" ")
        own = self.own_line[: len(self.own_line) - len(self.own_line.lstrip(" \t"))]
        return Level(len(self.line) - len(content), own), content + written

    def _own(self, state: LineState, column: int, content: str, *, first: bool) -> str | None:
        """How the file indents a line to a column; None where no such line may stand there."""
        levels = self._levels(state)
        given = self.own_line if first else ""
        if levels is None:
            own = own_space(state, column, self.form)
            return own if own.startswith(given) else given + " " * (column - len(self.line))
        if first:
            levels = self._within_reach(levels, state)
        if not content:  # unfinished: it may come to stand at any level from there on
            return next((level.own for level in levels if level.column >= column), None)
        return next((level.own for level in levels if level.column == column), None)

    def _levels(self, state: LineState) -> Sequence[Level] | None:
        """Where the next statement may stand, from the margin on; None for anywhere."""
        if state.flat or state.is_free:
            return None
        top = state.blocks[-1]
        if state.last is Logical.DECORATOR:
            return (top,)
        if state.last is not Logical.HEADER:
            return state.blocks
        if state is self.state and self.below is not None and self.below.column > top.column:
            return (self.below,)
        return (Level(top.column + LEVEL, top.own + self.form.unit),)

    def _within_reach(self, levels: Sequence[Level], state: LineState) -> Sequence[Level]:
        """The levels that begin with what stands before the cursor, or the one that it stands at.

        Below a header that may be a level of its own, which nothing else has yet.
        """
        found = [level for level in levels if level.own.startswith(self.own_line)]
        if self.asked and self.own_line:
            found = [level for level in found if level.own == self.own_line] or found
        deeper = len(self.line) > state.blocks[-1].column
        if not found and state.last is Logical.HEADER and deeper:
            return [Level(len(self.line), self.own_line)]
        return found


def respace(tokens: Sequence[str], changed: dict[int, Spacing]) -> tuple[str, ...]:
    """Tokens with other white space at some places of their text, by where it starts.

    It goes to the token in which the old white space starts, or into which it would be put.
    """
    found: list[str] = []
    at, gone = 0, 0
    for token in tokens:
        written = ""
        for character in token:
            if (spacing := changed.get(at)) is not None and at >= gone:
                written += spacing.own or ""
                gone = max(spacing.end, at)
            written += character if at >= gone else ""
            at += 1
        found.append(written)
    return tuple(found)
