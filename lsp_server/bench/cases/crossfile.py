"""Compares line completion with and without snippets of other files.

The rows are those of CrossCodeEval, and the pieces come with them: this measures the prompt's
layout and the model, not how well pieces are found.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from rapidfuzz import fuzz

from lsp_server.completion.context.plugin import Snippet
from lsp_server.completion.model.loading import Model
from lsp_server.contract.canonical import canonical_parts, canonical_text
from lsp_server.contract.prompt import Parts, assemble
from lsp_server.contract.stopping import ONE_LINE, rule_for
from lsp_server.engines import Limits
from lsp_server.errors import BenchError


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFileCase:
    """A cursor, the rest of its line, and what other files hold."""

    path: str
    prefix: str
    suffix: str
    truth: str
    related: tuple[Snippet, ...]
    """The nearest last."""


@dataclass(frozen=True, slots=True)
class CrossFileRow:
    """What all cases came to, with one choice of related text."""

    name: str
    cases: int
    exact: float
    """Share of the cases whose line is right but for blanks at its ends."""
    similarity: float
    """Mean over the cases of rapidfuzz's fuzz.ratio / 100."""


def read_cases(data: Path) -> list[CrossFileCase]:
    """The cases of a JSON Lines file (.gz); BenchError where it holds anything else."""
    try:
        with gzip.open(data, "rt", encoding="utf-8") as lines:
            return [read_case(line) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise BenchError(
            f"{data}: expected gzipped JSON Lines with prompt, groundtruth, right_context, "
            f"metadata.file and crossfile_context.list, found {type(exc).__name__}: {exc}; "
            "take CrossCodeEval's own files"
        ) from exc


def read_case(line: str) -> CrossFileCase:
    """One row."""
    row = json.loads(line)
    pieces = sorted(row["crossfile_context"]["list"], key=lambda piece: float(piece["score"]))
    prefix, suffix, [truth] = canonical_parts(
        row["prompt"], row["right_context"], [row["groundtruth"]]
    )
    return CrossFileCase(
        path=row["metadata"]["file"],
        prefix=prefix,
        suffix=suffix,
        truth=truth,
        related=tuple(
            Snippet(
                path=piece["filename"], text=canonical_text(piece["retrieved_chunk"]), kind="given"
            )
            for piece in pieces
        ),
    )


def compare(model: Model, cases: Sequence[CrossFileCase]) -> list[CrossFileRow]:
    """The same cases without related text, with the nearest piece, and with all that fit."""
    choices = {"none": 0, "nearest": 1, "all that fit": len(max(cases, key=size).related)}
    return [score(model, cases, name, pieces) for name, pieces in choices.items()]


def size(case: CrossFileCase) -> int:
    """How many pieces a case has."""
    return len(case.related)


def score(model: Model, cases: Sequence[CrossFileCase], name: str, pieces: int) -> CrossFileRow:
    """All cases with that many pieces at most."""
    truths = [case.truth.strip() for case in cases]
    found = list(complete(model, cases, pieces))
    pairs = list(zip(found, truths, strict=True))
    exact = sum(text == truth for text, truth in pairs)
    alike = sum(fuzz.ratio(text, truth) / 100 for text, truth in pairs)
    return CrossFileRow(name, len(cases), exact / len(cases), alike / len(cases))


def complete(model: Model, cases: Sequence[CrossFileCase], pieces: int) -> Iterator[str]:
    """The rest of each case's line, as the model writes it alone, greedily."""
    limits = Limits(max_tokens=model.budget.completion, stop=rule_for(ONE_LINE))
    for case in cases:
        related = tuple(snippet.shown for snippet in case.related[len(case.related) - pieces :])
        parts = Parts(path=case.path, prefix=case.prefix, suffix=case.suffix, related=related)
        prompt = assemble(model.tokenizer, parts, model.budget)
        candidates = model.engine.complete(prompt, limits, Event())
        yield candidates[0].text.strip() if candidates else ""
