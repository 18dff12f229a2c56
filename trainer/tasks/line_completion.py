"""Completes lines, and compares them with the truth."""

from dataclasses import dataclass
from threading import Event

from rapidfuzz import fuzz
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Budget, build
from lsp_server.contract.stopping import ONE_LINE, rule_for
from lsp_server.engines import Engine, Limits
from trainer.tasks.cursors import Cursor


@dataclass(frozen=True, slots=True)
class LineMatch:
    """One completion beside the truth; white space at the end of either does not count."""

    text: str
    """What the engine wrote up to the end of the line."""
    exact: bool
    similarity: float
    """Levenshtein ratio in 0..1, as CodeXGLUE's line completion takes it (fuzz.ratio / 100)."""


def match_line(
    engine: Engine, tokenizer: Tokenizer, cursor: Cursor, *, with_suffix: bool, budget: Budget
) -> LineMatch:
    """The greedy completion of the served prompt, with its suffix or left to right."""
    suffix = cursor.suffix if with_suffix else ""
    prompt = build(tokenizer, cursor.path, cursor.prefix, suffix, budget)
    limits = Limits(max_tokens=budget.completion, stop=rule_for(ONE_LINE))
    candidates = engine.complete(prompt, limits, Event())
    return compare(candidates[0].text if candidates else "", cursor.truth)


def compare(text: str, truth: str) -> LineMatch:
    """How near `text` comes to `truth`."""
    found, expected = text.rstrip(), truth.rstrip()
    return LineMatch(found, found == expected, fuzz.ratio(found, expected) / 100)
