"""What bounds one completion: the settings, the cursor, and what a request asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model.loading import Model
from lsp_server.contract.fitting import gap_at
from lsp_server.contract.languages.extents import extent_at
from lsp_server.contract.stopping import ONE_LINE, StopRule, never, next_line, rule_for
from lsp_server.engines import Fits, Limits
from lsp_server.project.recall import Evidence
from lsp_server.settings import BlockMode, Settings

FORESIGHT = 0.5
"""The engine goes on until the text is this much less likely than what may be shown: once a user
types along, the rest becomes likely enough to be shown without asking again."""

SPARE = 2
"""Alternatives beyond those wanted, in place of those that turn out to say nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What one request asks for beyond the settings."""

    max_tokens: int | None = None
    """Fewer than the settings allow."""
    stop: tuple[str, ...] = ()
    """Texts before which a completion ends, beside the stop rules."""
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    others: Evidence | None = None
    """What the request says of other files; else the open project does."""
    owner: str = ""
    """Whose caches may be used."""
    in_time: bool = False
    """Answer from what stands near the cursor where the whole prompt takes long to read."""


NO_WISHES, IN_TIME = Wishes(), Wishes(in_time=True)


def limits_at(
    model: Model, settings: Settings, cursor: Cursor, fits: Fits, wishes: Wishes
) -> Limits:
    """The bounds of a completion at a cursor, whose texts are in the form that the model reads."""
    wanted, most = settings.suggestions(invoked=cursor.invoked), model.budget.completion
    return Limits(
        max_tokens=most if wishes.max_tokens is None else min(most, wishes.max_tokens),
        stop=partial(first_end, stop_rule(settings, cursor), wishes.stop),
        fits=fits,
        min_probability=least_probability(settings, cursor) * FORESIGHT,
        drafted=0 if model.is_alone else settings.draft,
        mixture=model.mixture,
        alternatives=wanted + SPARE if wanted > 1 else 1,
        temperature=wishes.temperature,
        top_p=wishes.top_p,
        seed=wishes.seed,
    )


def first_end(rule: StopRule, texts: Sequence[str], text: str) -> int | None:
    """Characters to keep: up to where a stop rule ends a text, or one of some texts begins."""
    ends = [at for at in map(text.find, texts) if at >= 0]
    end = rule(text)
    return min(ends if end is None else [*ends, end], default=None)


def stop_rule(settings: Settings, cursor: Cursor) -> StopRule:
    """Where a completion at this cursor ends."""
    extent = ONE_LINE
    if settings.block is BlockMode.AUTO:
        extent = extent_at(cursor.language, cursor.prefix, cursor.suffix)
    gap = gap_at(cursor.language, cursor.prefix, cursor.suffix)
    repeated = next_line(cursor.suffix)
    return rule_for(
        extent,
        settings.max_lines,
        repeated,
        gap.closing if gap.is_inside else never,
    )


def least_probability(settings: Settings, cursor: Cursor) -> float:
    """How likely a text must be to be shown: a person who asks gets the best that there is."""
    return 0.0 if cursor.invoked else settings.min_probability


def least_characters(settings: Settings, cursor: Cursor) -> int:
    """How long a text must be to be shown: a person who asks gets it however short."""
    return 1 if cursor.invoked else settings.min_characters
