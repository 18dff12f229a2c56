"""An idealised editor: it indents as far as the next line wants, and closes nothing."""

from dataclasses import dataclass

from lsp_server.bench.editors import ENTER, Caret, Stroke
from lsp_server.bench.replay.blocks import automatic_indentation
from lsp_server.bench.texts.files import PYTHON


@dataclass(frozen=True, slots=True)
class Plain:
    """Indents by the rule of `blocks.py`, never deeper than the user wants."""

    step: int
    """Characters of indentation that a colon at a line's end adds."""
    language: str = PYTHON

    def press(self, caret: Caret, key: str) -> Stroke:
        """The key, and after a newline the indentation."""
        if key != ENTER:
            return Stroke(key)
        return Stroke(key + self._indentation(caret.before, caret.coming[1:]))

    def follow(self, caret: Caret) -> str:
        """The indentation, behind a suggestion that ends in a newline."""
        if not caret.before.endswith("\n"):
            return ""
        return self._indentation(caret.before, caret.coming)

    def _indentation(self, before: str, coming: str) -> str:
        line = coming.partition("\n")[0]
        above = next((row for row in reversed(before.split("\n")) if row.strip()), "")
        return line[: automatic_indentation(above, line, self.step, self.language)]
