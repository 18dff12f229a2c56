"""Types a block key by key, as a user who knows what they want to write.

The editor shows the server's suggestions at the block's start and after every key but the last. The
user accepts the longest text that is right and has at least `shortest` characters, and types on
behind it; after accepting, the editor asks again only at the next key. A text is right if it leaves
the truth up to its end, with only the editor's own closing marks behind the cursor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.editors import (
    BACKSPACE,
    ENTER,
    TAB,
    Caret,
    EditorRules,
    Stroke,
    indentation,
)
from lsp_server.bench.editors.page import Page
from lsp_server.bench.replay.blocks import Block
from lsp_server.bench.reporting.faults import (
    UNJUDGED,
    FaultTally,
    Sight,
    Verdict,
    judge,
    tally,
)


@dataclass(frozen=True, slots=True)
class TypingTally:
    """What typing one block came to."""

    characters: int
    """All that count; what the idealised editor indents by itself does not."""
    saved: int
    """Of them, those that came with a suggestion."""
    shown: int
    """Distinct suggestions shown: two that would leave the same text are one, so one that the user
    types along is one."""
    taken: int
    """Suggestions taken."""
    keys: int = 0
    """Pressed, those to mend what the editor did and to pass its closing marks too."""
    given: int = 0
    """Of the characters, those that the editor inserted and the user left."""
    faults: FaultTally = field(default_factory=FaultTally)
    """Of the distinct suggestions."""


class Move(StrEnum):
    """Keys that insert nothing."""

    RIGHT = "right"
    """Over a mark."""
    DOWN = "down"
    """Over the newline and the indentation that the editor put before a closing mark."""
    JOIN = "join"
    """Deletes those."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A closing mark behind the cursor that the editor put there."""

    due: int
    """Offset in the block where the truth has it."""
    known: bool
    """Whether the editor still knows that it put it there."""


@dataclass(frozen=True, slots=True)
class Typing:
    """How a block is typed."""

    rules: EditorRules
    closing: Mapping[int, int]
    """Of the block's opening marks, by offset: where the truth closes them, see `python_text`."""
    shortest: int
    """Characters that a suggestion must have to be taken."""
    judged: bool = True
    """Whether it is known what is wrong with a suggestion, as it is of Python."""


def type_block(block: Block, page: Page, typing: Typing) -> TypingTally:
    """Types the block out on the page, whose cursor stands at the block's start."""
    return Typist(block, page, typing).run()


class Typist:
    """One block, half typed."""

    def __init__(self, block: Block, page: Page, typing: Typing) -> None:
        self._block, self._page = block, page
        self._rules, self._closing = typing.rules, typing.closing
        self._shortest, self._judged = typing.shortest, typing.judged
        self._typed = ""
        """What stands between the block's start and the cursor."""
        self._tail = ""
        """What the editor has put between the cursor and what follows the block."""
        self._marks: list[Mark] = []
        """Those of `_tail`, the nearest first."""
        self._saved: set[int] = set()
        """Offsets in the block that came with a suggestion and still stand."""
        self._blanks_given = False
        """Whether the cursor's line holds nothing but what the editor indented it by."""
        self._taken = self._keys = self._given = 0
        self._verdicts: dict[str, Verdict] = {}

    def run(self) -> TypingTally:
        """Types the block out."""
        truth = self._block.text
        while self._typed != truth:
            if best := self._best(self._look()):
                self._take(best)
            if self._typed != truth:
                self._press(self._next_key())
        self._clear_tail()
        return TypingTally(
            characters=self._block.characters,
            saved=len(self._saved - self._block.automatic),
            shown=len(self._verdicts),
            taken=self._taken,
            keys=self._keys,
            given=self._given,
            faults=tally(self._verdicts.values()),
        )

    def _look(self) -> Sequence[Offer]:
        offers = self._page.show()
        for offer in offers:
            outcome = self._typed[: max(0, len(self._typed) - offer.rewrites)] + offer.text
            if outcome not in self._verdicts:
                sight = Sight(self._page.before, self._page.after, offer)
                right = self._is_right(offer)
                self._verdicts[outcome] = judge(sight, right=right) if self._judged else UNJUDGED
        return offers

    def _is_right(self, offer: Offer) -> bool:
        """Whether taking it leaves the truth so far."""
        after = self._typed + offer.text
        if offer.rewrites or not self._block.text.startswith(after):
            return False
        covered = self._marks[: count_marks(self._tail[: offer.covers])]
        left = self._marks[len(covered) :]
        return (
            offer.covers <= len(self._tail)
            and all(mark.due < len(after) for mark in covered)
            and all(mark.due >= len(after) for mark in left)
        )

    def _best(self, offers: Sequence[Offer]) -> Offer | None:
        long_enough = [offer for offer in offers if len(offer.text) >= self._shortest]
        return max(filter(self._is_right, long_enough), key=lambda o: len(o.text), default=None)

    def _take(self, offer: Offer) -> None:
        start = len(self._typed)
        self._taken += 1
        self._saved.update(range(start, start + len(offer.text)))
        self._blanks_given = False
        caret = Caret(self._page.before + offer.text, "", coming=self._rest(len(offer.text)))
        text = offer.text + self._rules.follow(caret)
        self._page.replace(0, offer.covers, text)
        self._typed += text
        self._marks = self._marks[count_marks(self._tail[: offer.covers]) :]
        self._tail = self._tail[offer.covers :]
        if "\n" in text:
            self._forget_marks()

    def _next_key(self) -> str:
        """What brings the page nearer to the truth."""
        begun = self._typed.rfind("\n") + 1
        blanks, coming = self._typed[begun:], self._block.text[begun:]
        if not self._block.text.startswith(self._typed):
            blank_line = self._blanks_given and coming.startswith("\n")
            return ENTER if blank_line else BACKSPACE
        if move := self._move():
            return move
        rest = self._rest()
        if not blanks.strip() and rest[:1] in (" ", "\t"):
            tab = self._rules.press(self._caret(), TAB).text
            return TAB if tab and indentation(rest).startswith(tab) else rest[0]
        return rest[0]

    def _move(self) -> Move | None:
        """The key that passes a mark which is due, where typing it would not."""
        if not self._marks:
            return None
        between = self._block.text[len(self._typed) : self._marks[0].due]
        gap = self._tail[: len(self._tail) - len(self._tail.lstrip())]
        if between.strip() or (between and not gap):
            return None
        if gap:
            return Move.DOWN if between.startswith("\n") else Move.JOIN
        stroke = self._rules.press(self._caret(), self._rest()[0])
        return None if stroke.over else Move.RIGHT

    def _press(self, key: str) -> None:
        self._keys += 1
        if key == Move.JOIN:
            width = len(self._tail) - len(self._tail.lstrip())
            self._page.replace(0, width, "")
            self._tail = self._tail[width:]
        elif key in (Move.RIGHT, Move.DOWN):
            self._pass(1 if key == Move.RIGHT else len(self._tail) - len(self._tail.lstrip()))
        else:
            self._carry_out(key, self._rules.press(self._caret(), key))

    def _pass(self, characters: int) -> None:
        """Moves the cursor over some of the tail."""
        passed = self._tail[:characters]
        self._blanks_given = False
        self._page.move(characters)
        self._typed += passed
        self._tail = self._tail[characters:]
        self._marks = self._marks[count_marks(passed) :]
        if "\n" in passed:
            self._forget_marks()

    def _carry_out(self, key: str, stroke: Stroke) -> None:
        place = len(self._typed)
        self._page.replace(stroke.back, stroke.over, stroke.text, stroke.behind)
        kept = len(self._typed) - stroke.back
        self._typed = self._typed[:kept] + stroke.text
        self._saved.difference_update(range(kept, place))
        self._blanks_given = key == ENTER and len(stroke.text) > 1 and stroke.text.isspace()
        self._marks = self._marks[count_marks(self._tail[: stroke.over]) :]
        self._tail = stroke.behind + self._tail[stroke.over :]
        if key == ENTER:
            self._forget_marks()
            self._note_given(stroke.text)
        elif stroke.behind:
            self._note_mark(place, stroke.behind)

    def _note_mark(self, place: int, behind: str) -> None:
        """Remembers when a closing mark is due; one that the block never has is deleted."""
        due = self._closing.get(place)
        if due is not None and due < len(self._block.text):
            self._marks.insert(0, Mark(due, known=True))
            return
        self._keys += 1
        self._page.replace(0, len(behind), "")
        self._tail = self._tail[len(behind) :]

    def _note_given(self, text: str) -> None:
        if self._block.text.startswith(self._typed):
            end = len(self._typed)
            self._given += counted(self._block, end - len(text) + 1, end)

    def _forget_marks(self) -> None:
        """An editor knows its closing marks only as long as they stay on their line."""
        self._marks = [Mark(mark.due, known=False) for mark in self._marks]

    def _clear_tail(self) -> None:
        """Deletes what the editor has put there for nothing."""
        if self._tail:
            self._keys += 1
            self._page.replace(0, len(self._tail), "")

    def _caret(self) -> Caret:
        known = bool(self._marks) and self._marks[0].known
        return Caret(
            self._page.before,
            self._page.after,
            closed=known,
            given=self._blanks_given,
            coming=self._rest(),
        )

    def _rest(self, further: int = 0) -> str:
        return self._block.text[len(self._typed) + further :]


def count_marks(tail: str) -> int:
    """Closing marks in a part of what the editor put behind the cursor: all but blanks."""
    return len("".join(tail.split()))


def counted(block: Block, start: int, end: int) -> int:
    """Characters between two places of the block that the idealised editor does not insert."""
    return sum(place not in block.automatic for place in range(start, end))
