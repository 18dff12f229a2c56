"""Turns the text around a cursor into the canonical form that the model reads.

A key press changes one line of many: what stands above and below it is kept as it was read last.
"""

import re
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.context.standing import Standing
from lsp_server.contract.canonical import (
    canonical_lines,
    has_it,
    in_canonical_form,
    start_of,
    unchanged_lines,
)
from lsp_server.contract.line_state import (
    MARGIN,
    START,
    Level,
    LineState,
    Logical,
    advance,
    column_of,
)
from lsp_server.contract.text_form import TextForm
from lsp_server.documents.text_edits import common_prefix

DOCUMENTS = 16
MARK_LINES = 64
"""Lines between two places that reading can begin at again."""

TEXT_BELOW = re.compile(r"(?:[ \t]*\n)*([ \t]*)\S")


@dataclass(frozen=True, slots=True)
class Mark:
    """A line's start: how many characters stand before it, in the file and in canonical form."""

    state: LineState
    own: int = 0
    canonical: int = 0


@dataclass(slots=True)
class Page:
    """What was read of one document."""

    form: TextForm
    start: LineState = START
    own: str = ""
    canonical: str = ""
    marks: list[Mark] = field(init=False)
    """From the first line above the cursor to the cursor's own."""
    below: tuple[str, LineState, str] = ("", START, "")
    """The lines below, what they begin in, and their canonical form."""

    def __post_init__(self) -> None:
        self.marks = [Mark(self.start)]

    def read_above(self, text: str) -> LineState:
        """Take the lines above the cursor; what is open behind them."""
        shared = len(self.own)
        if not text.startswith(self.own):
            shared = common_prefix(text, self.own)
        del self.marks[bisect_right(self.marks, shared, key=lambda mark: mark.own) :]
        mark = self.marks[-1]
        fresh = text[mark.own :]
        lines = fresh.split("\n")[:-1]
        read = unchanged_lines if has_it(fresh, self.form) else canonical_lines
        pieces = [self.canonical[: mark.canonical]]
        for first in range(0, len(lines), MARK_LINES):
            chunk = lines[first : first + MARK_LINES]
            written, states = zip(*read(chunk, self.form, mark.state), strict=True)
            pieces.append("\n".join((*written, "")))
            own = mark.own + sum(map(len, chunk)) + len(chunk)
            mark = Mark(states[-1], own, mark.canonical + len(pieces[-1]))
            self.marks.append(mark)
        self.own, self.canonical = text, "".join(pieces)
        return mark.state

    def read_below(self, text: str, state: LineState) -> str:
        """The lines below the cursor in canonical form; `state` is what they stand in."""
        if self.below[:2] != (text, state):
            self.below = text, state, in_canonical_form(text, self.form, state)
        return self.below[2]


class Reader:
    """Knows the pages of the latest documents."""

    def __init__(self, documents: int = DOCUMENTS) -> None:
        self._documents = documents
        self._pages: OrderedDict[str, Page] = OrderedDict()

    def read(self, cursor: Cursor) -> tuple[Cursor, Standing]:
        """The cursor with its text in canonical form, and where it stands."""
        page = self._page(cursor)
        start = cursor.prefix.rfind("\n") + 1
        own_line, form = cursor.prefix[start:], cursor.form
        state = page.read_above(cursor.prefix[:start])
        content = own_line.lstrip(" \t")
        space = own_line[: len(own_line) - len(content)]
        line = " " * column_of(state, space, form) + content
        rest, end, below = cursor.suffix.partition("\n")
        if not content:
            behind = rest.lstrip(" \t")
            whole = column_of(state, space + rest[: len(rest) - len(behind)], form)
            rest = " " * (whole - len(line)) + behind
        own = Level(len(line) - len(content), space)
        standing = Standing(
            form=form,
            state=state,
            line=line,
            own_line=own_line,
            asked=cursor.invoked,
            below=None if rest.strip() else next_level(below, form),
        )
        suffix = rest + end + page.read_below(below, state_below(state, content + rest, own))
        return replace(cursor, prefix=page.canonical + line, suffix=suffix), standing

    def _page(self, cursor: Cursor) -> Page:
        uri, kind = cursor.uri, (cursor.form, start_of(cursor.language))
        page = self._pages.get(uri)
        if page is None or (page.form, page.start) != kind:
            page = self._pages[uri] = Page(*kind)
        self._pages.move_to_end(uri)
        if len(self._pages) > self._documents:
            self._pages.popitem(last=False)
        return page


def state_below(state: LineState, content: str, own: Level) -> LineState:
    """What the lines below a cursor's line of this content are read in.

    A line that was cut short may leave lines below that were aligned with what is gone: they are
    told by the indentation of the cursor's line, which is taken for the only block.
    """
    if state.flat:
        return state
    if not content and not own.own:
        return replace(state, goes_on=False, begun=True)
    found = advance(state, content, own)
    return replace(found, blocks=(MARGIN, own), last=Logical.PLAIN, goes_on=False, begun=True)


def next_level(text: str, form: TextForm) -> Level | None:
    """The indentation of the first line with text; None where there is none."""
    found = TEXT_BELOW.match(text)
    return None if found is None else Level(form.columns(found[1]), found[1])
