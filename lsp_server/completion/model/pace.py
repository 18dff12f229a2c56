"""How much of a prompt a large model reads before it answers a key.

To such a model a whole prompt is long, and where the cursor has moved all of it is new. What stands
near the cursor is read first and answered from; the whole is read after that, until the next key.
"""

from dataclasses import replace

from lsp_server.completion.model.threads import LARGE
from lsp_server.contract.bundles.bundle import Bundle
from lsp_server.contract.prompt import (
    LAYOUT_ROOM,
    LAYOUT_SENTINELS,
    Budget,
    Parts,
    Prompt,
    TextTokenizer,
    assemble,
)
from lsp_server.engines import Engine, ReadsAhead

WITHIN = 0.08
"""Seconds that may be spent on reading before a key is answered."""

NEAR_PATH, NEAR_PREFIX, NEAR_SUFFIX = 8, 64, 32
"""Tokens of what is read first."""

NEAR = " near"
"""Ends the owner of a prompt that is read first: it leaves the whole one's cache alone."""


def tokens_in_time(bundle: Bundle, engine: Engine) -> int | None:
    """How much of a prompt is read before a key is answered; None where that is all of it."""
    if bundle.manifest.parameters <= LARGE or not isinstance(engine, ReadsAhead):
        return None
    return int(engine.pace() * WITHIN)


def prompt_in_time(
    engine: Engine, tokenizer: TextTokenizer, budget: Budget, whole: Prompt, in_time: int | None
) -> Prompt:
    """The whole prompt, or one of what stands near the cursor where that is read much sooner."""
    if in_time is None or whole.parts is None or not isinstance(engine, ReadsAhead):
        return whole
    if (unread := engine.unread(whole)) <= in_time:
        return whole
    near = near_prompt(tokenizer, whole.parts, budget)
    near = replace(near, parts=whole.parts, owner=f"{whole.owner}{NEAR}")
    return near if 2 * engine.unread(near) <= unread else whole


def near_prompt(tokenizer: TextTokenizer, parts: Parts, budget: Budget) -> Prompt:
    """What stands next to the cursor."""
    rest = budget.completion + NEAR_PATH + NEAR_SUFFIX + LAYOUT_SENTINELS + LAYOUT_ROOM
    small = replace(
        budget,
        context=min(budget.context, rest + NEAR_PREFIX),
        path=min(budget.path, NEAR_PATH),
        suffix=min(budget.suffix, NEAR_SUFFIX),
        related=0,
    )
    return assemble(tokenizer, replace(parts, related=()), small)
