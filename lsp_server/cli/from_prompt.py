"""`lory complete --prompt`: continues a text that belongs to no file.

The text is the beginning of an otherwise empty file. So the model is told what to write in three
ways: by a comment or a signature with its docstring alone (zero-shot), or with one or several
worked examples above it (one-shot, few-shot), each ended by a blank line.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp
from threading import Event
from time import perf_counter
from typing import Any

from lsp_server.completion.context.plugin import Cursor
from lsp_server.completion.model.loading import complain, load_model
from lsp_server.completion.suggestion import recall_at
from lsp_server.contract.languages.extents import extent_at
from lsp_server.contract.prompt import Parts, assemble
from lsp_server.contract.stopping import Extent, Shape, StopRule, columns, last_line, rule_for
from lsp_server.contract.text_form import CANONICAL, find_form, with_plain_ends
from lsp_server.engines import Limits
from lsp_server.errors import LoryError
from lsp_server.plugins import PluginGuard
from lsp_server.settings import Settings, read_settings

LANGUAGE = "python"


@dataclass(frozen=True, slots=True)
class PromptCompletion:
    """What the model wrote."""

    prompt: str
    text: str
    probability: float
    """That a person would have gone on so, as the model sees it."""
    stop: str
    """Why it ended: a StopReason."""
    milliseconds: float
    """Without loading the model."""


def complete_prompt(text: str, given: Mapping[str, Any]) -> PromptCompletion:
    """The likeliest text after a prompt, with these settings; LoryError where there cannot be any.

    It may have `max_lines` lines, and ends before a blank line or one that is less indented than
    what it belongs to. Other files and filters have no say.
    """
    if not text.strip():
        raise LoryError("expected a prompt with text, found none; such as --prompt 'def main():'")
    settings, guard = read_settings(given), PluginGuard(complain)
    model = load_model(settings, guard)
    plain = with_plain_ends(text)
    form = find_form(plain, LANGUAGE) or CANONICAL
    given_at = Cursor(uri="", language=LANGUAGE, path="", prefix=plain, suffix="", form=form)
    cursor, standing = model.reader.read(given_at)
    prompt = assemble(model.tokenizer, Parts(prefix=cursor.prefix), model.budget)
    if settings.cache_model:
        prompt = replace(prompt, recall=recall_at(model, cursor, prompt.heal))
    limits = Limits(
        max_tokens=model.budget.completion,
        stop=end_of_answer(cursor.prefix, settings),
        fits=standing.fits,
        drafted=settings.draft,
        mixture=model.mixture,
    )
    begun = perf_counter()
    candidate = standing.in_own_form(model.engine.complete(prompt, limits, Event())[0])
    milliseconds = (perf_counter() - begun) * 1e3
    likelihood = exp(sum(candidate.logprobs))
    return PromptCompletion(text, candidate.text, likelihood, candidate.stop, milliseconds)


def end_of_answer(prompt: str, settings: Settings) -> StopRule:
    """Where the text after a prompt ends: like a block, at the indentation it is asked for at."""
    extent = extent_at(LANGUAGE, prompt, "")
    if extent.shape is Shape.BLOCK:
        return rule_for(extent, settings.max_lines)
    line = last_line(prompt)
    started = line if line else last_line(prompt.rstrip("\r\n"))
    return rule_for(Extent(Shape.BLOCK, columns(started)), settings.max_lines)


def show_written(written: PromptCompletion, *, as_json: bool) -> str:
    """The text alone, as it would stand in the file; or all, as one line of JSON."""
    if as_json:
        record = {
            "prompt": written.prompt,
            "text": written.text,
            "probability": written.probability,
            "stop": written.stop,
            "milliseconds": written.milliseconds,
        }
        return json.dumps(record) + "\n"
    return written.text if written.text.endswith("\n") else written.text + "\n"
