"""The states that a document passes through while a block is typed in VS Code, without a server."""

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.bench.client.offers import Offer
from lsp_server.bench.editors.keystrokes import Typing, type_block
from lsp_server.bench.editors.plain import Plain
from lsp_server.bench.editors.vscode import VisualStudioCode
from lsp_server.bench.replay.blocks import STEP_AFTER_COLON, Block
from lsp_server.bench.texts.files import PYTHON
from lsp_server.bench.texts.forms import DEFAULT_UNIT, own_unit_or_none
from lsp_server.bench.texts.python_text import closing_marks_in
from lsp_server.contract.languages.profiles import has_grammar


@dataclass(frozen=True, slots=True)
class State:
    """A document with a cursor, in which the text so far is right."""

    before: str
    after: str
    """With the closing marks that the editor has put there."""
    truth: str
    """What stands behind the cursor in the file."""


def typed_states(text: str, block: Block, language: str = PYTHON) -> list[State]:
    """One for each key that leaves the file's text so far, in order."""
    end = block.start + len(block.text)
    page = SilentPage(text[: block.start], text[end:])
    if has_grammar(language):
        rules = VisualStudioCode(own_unit_or_none(text) or DEFAULT_UNIT)
        typing = Typing(rules, closing_marks_in(text, block.start, end), shortest=1)
    else:
        typing = Typing(Plain(STEP_AFTER_COLON, language), {}, shortest=1, judged=False)
    type_block(block, page, typing)
    return [
        State(before, after, text[len(before) :])
        for before, after in page.seen
        if text.startswith(before)
    ]


class SilentPage:
    """A page on which nothing is offered."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after
        self.seen: list[tuple[str, str]] = []

    def show(self) -> Sequence[Offer]:
        """Nothing; remembers the state."""
        self.seen.append((self.before, self.after))
        return ()

    def replace(self, back: int, ahead: int, text: str, behind: str = "") -> None:
        """Changes the text around the cursor."""
        self.before = self.before[: len(self.before) - back] + text
        self.after = behind + self.after[ahead:]

    def move(self, characters: int) -> None:
        """Moves the cursor on."""
        self.before += self.after[:characters]
        self.after = self.after[characters:]
