"""Checks predicted probabilities against real files, and fits their correction.

Shapes: N tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from threading import Event

import numpy as np
from numpy.typing import NDArray

from lsp_server.bench.mixture.samples import OtherFiles, by_workspace, rules_for
from lsp_server.bench.mixture.typed_states import State, typed_states
from lsp_server.bench.replay.blocks import choose_blocks
from lsp_server.bench.replay.gaps import choose_gaps
from lsp_server.bench.texts.files import SourceFile
from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model.loading import Model
from lsp_server.completion.suggestion import generate
from lsp_server.contract.languages.profiles import has_grammar
from lsp_server.contract.prompt import CLOSERS
from lsp_server.contract.text_form import CANONICAL, find_form
from lsp_server.engines import Candidate
from lsp_server.engines.mixture import NEARLY_SURE, Calibration
from lsp_server.plugins import PluginGuard
from lsp_server.project.index.view import ProjectView
from lsp_server.settings import Settings

CURSORS = 6
"""Per block, evenly spread over its typing in VS Code."""
GAPS = 2
"""Fresh lines per block. In the middle of a line the rest of the line judges what is written: those
chances are not these."""
SHORTEST = 3
"""Characters that are cut out behind those."""
WRITTEN_UNTIL = 0.05
"""Completions are written until they are less likely than this."""
BINS = np.array([0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0])
PRIOR = 1.0
"""Weight of the squared distance to no calibration."""
UNCHANGED = np.array([0.0, 1.0])
"""Bias and slope."""
CLOSE = 1e-6
ROUNDS = 25
"""Newton steps of the fit; it converges in fewer."""


@dataclass(frozen=True, slots=True)
class JudgedTokens:
    """Tokens that were written after right ones only."""

    logprob_N: NDArray[np.float64]
    right_N: NDArray[np.bool_]
    """Whether the text stands in the file."""


@dataclass(frozen=True, slots=True)
class Bin:
    """A class of probabilities."""

    tokens: int
    predicted: float
    """Mean."""
    right: float
    """Share."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """One view for every document, as `Model.project` gives them."""

    others: ProjectView

    def view(self, without: str) -> ProjectView:
        """The view, which leaves the document out already."""
        return self.others


def write_at_cursors(
    model: Model, files: Sequence[SourceFile], blocks: int, seed: int, watch: Callable[[str], None]
) -> JudgedTokens:
    """What the model and the open project write at cursors of up to `blocks` blocks a file."""
    settings = Settings(min_probability=WRITTEN_UNTIL * 2)
    guard = PluginGuard(watch)
    rows: list[tuple[float, bool]] = []
    for root, group in by_workspace(files):
        others = OtherFiles(root, model.tokenizer, rules_for(group))
        for file in group:
            known = replace(model, project=Fixed(others.view(file)))  # type: ignore[arg-type]
            for cursor, truth in cursors(file, blocks, Random(f"{seed} {file.name} cal")):
                found = generate(known, settings, guard, cursor, Event())
                for candidate in found.candidates:
                    rows += judge(candidate, truth)
            watch(file.name)
    return JudgedTokens(
        np.array([row[0] for row in rows]), np.array([row[1] for row in rows], bool)
    )


def cursors(file: SourceFile, blocks: int, random: Random) -> list[tuple[Cursor, str]]:
    """Places as people meet them in an editor, each with what stood behind it in the file."""
    found = []
    for block in choose_blocks(file.text, 12, random, file.language)[:blocks]:
        states = typed_states(file.text, block, file.language)
        found += states[:: max(1, len(states) // CURSORS)]
    gaps = choose_gaps(file.text, SHORTEST, random) if has_grammar(file.language) else ()
    fresh = (gap for gap in gaps if not gap.kind.is_in_line)
    for gap in islice(fresh, blocks * GAPS):
        before, after = file.text[: gap.start], file.text[gap.start + len(gap.cut) :]
        found.append(State(before, after, file.text[gap.start :]))
    free = (state for state in found if not is_conditioned(state))
    return [(cursor_at(file, state), state.truth) for state in free]


def is_conditioned(state: State) -> bool:
    """Whether more than closing marks stands behind the cursor on its line."""
    rest = state.after.partition("\n")[0]
    return not CLOSERS.issuperset(rest)


def cursor_at(file: SourceFile, state: State) -> Cursor:
    """The cursor of a state of the file."""
    return Cursor(
        uri=file.uri,
        language=file.language,
        path=file.path,
        prefix=state.before,
        suffix=state.after,
        form=find_form(file.text, file.language) or CANONICAL,
    )


def judge(candidate: Candidate, truth: str) -> list[tuple[float, bool]]:
    """Each token with text up to the first wrong one: its log-probability, and if it is right."""
    rows, text = [], ""
    for token, logprob in zip(candidate.tokens, candidate.logprobs, strict=True):
        text += token
        right = truth.startswith(text)
        rows += [(logprob, right)] if token else []
        if not right:
            break
    return rows


def fit_calibration(written: JudgedTokens) -> Calibration:
    """Bias and slope that make what was right likeliest: logistic regression by Newton's method.

    They are drawn to those that change nothing as if a few tokens spoke for that.
    """
    inputs = np.stack([np.ones(len(written.right_N)), odds(written.logprob_N)], axis=1)
    signs_N = np.where(written.right_N, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> float:
        misfit = np.logaddexp(0, -signs_N * (inputs @ weights)).sum()
        return float(misfit + PRIOR / 2 * ((weights - UNCHANGED) ** 2).sum())

    found = UNCHANGED
    for _ in range(ROUNDS):
        chance_N = 1 / (1 + np.exp(-np.clip(inputs @ found, -30, 30)))
        slope = inputs.T @ (written.right_N - chance_N) - PRIOR * (found - UNCHANGED)
        curve = (inputs * (chance_N * (1 - chance_N))[:, None]).T @ inputs + PRIOR * np.eye(2)
        step = np.linalg.solve(curve, slope)
        while loss(found + step) > loss(found) and np.abs(step).max() > CLOSE:
            step = step / 2  # Newton's step may lead too far
        found = found + step
    return Calibration(bias=round(float(found[0]), 4), slope=round(float(found[1]), 4))


def odds(logprob_N: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of probabilities given by their logarithms."""
    bounded_N = np.minimum(logprob_N, -NEARLY_SURE)
    return bounded_N - np.log(-np.expm1(bounded_N))


def reliability(logprob_N: NDArray[np.float64], right_N: NDArray[np.bool_]) -> list[Bin]:
    """The curve: for each class of probability what was predicted and what was right."""
    chance_N = np.exp(logprob_N)
    number_N = np.digitize(chance_N, BINS[1:-1])
    rows = []
    for number in range(len(BINS) - 1):
        inside = number_N == number
        if inside.any():
            predicted, right = float(chance_N[inside].mean()), float(right_N[inside].mean())
            rows.append(Bin(int(inside.sum()), predicted, right))
    return rows


def expected_error(bins: Sequence[Bin]) -> float:
    """Expected calibration error: mean distance of predicted and right, by tokens."""
    total = sum(item.tokens for item in bins)
    return sum(item.tokens * abs(item.predicted - item.right) for item in bins) / total
