"""The suggestion that was worth most while a block was typed, and one that was wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

from lsp_server.bench.editors.session_page import Look
from lsp_server.bench.replay.blocks import Block


@dataclass(frozen=True, slots=True)
class Example:
    """A suggestion where it was shown."""

    line: str
    """What stood on the line before the cursor."""
    suggested: str
    truth: str
    """What was written there, of as many lines as the suggestion has."""


@dataclass(frozen=True, slots=True)
class Examples:
    """One of each; None where there was none."""

    right: Example | None = None
    wrong: Example | None = None


def examples_of(block: Block, looks: Sequence[Look], shortest: int) -> Examples:
    """Of what was shown: the longest text that was right, and the longest that was wrong.

    Right and wrong are told by the text alone, so only where what stands there is the truth so far.
    """
    right: Example | None = None
    wrong: Example | None = None
    for look in looks:
        if not block.text.startswith(look.typed):
            continue
        coming = block.text[len(look.typed) :]
        for offer in look.answer.offers:
            text = offer.text.rstrip()
            if offer.rewrites or len(text) < shortest:
                continue
            truth = "\n".join(coming.split("\n")[: text.count("\n") + 1])
            example = Example(look.line, text, truth)
            if coming.startswith(text):
                right = longer(right, example)
            else:
                wrong = longer(wrong, example)
    return Examples(right, wrong)


def longer(first: Example | None, second: Example) -> Example:
    """The example with the longer suggestion."""
    return second if first is None or len(second.suggested) > len(first.suggested) else first
