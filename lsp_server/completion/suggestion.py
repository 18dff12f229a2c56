"""Makes suggestions at a cursor: prompt, engine, candidates, filters."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from threading import Event
from time import perf_counter

from lsp_server.completion.context.plugin import Context, Cursor
from lsp_server.completion.model.limits import (
    IN_TIME,
    NO_WISHES,
    Wishes,
    least_characters,
    least_probability,
    limits_at,
)
from lsp_server.completion.model.loading import Model
from lsp_server.completion.model.pace import prompt_in_time
from lsp_server.completion.request_trace import (
    Filtered,
    Generation,
    Outcome,
    Station,
    Verdict,
    probability,
)
from lsp_server.completion.selection.candidates import FINISHED, truncate
from lsp_server.completion.selection.conditioning import condition
from lsp_server.completion.selection.filters import FilterContext, GivesReason
from lsp_server.completion.suggestion_cache import Rest, SuggestionCache
from lsp_server.contract.fitting import gap_at
from lsp_server.contract.prompt import Parts, assemble, encode
from lsp_server.engines import Candidate, Scores, TellsPrefill
from lsp_server.plugins import ActivePlugin, PluginGuard
from lsp_server.project.recall import Evidence, ProjectRecall
from lsp_server.settings import Settings

NO_COUNTS = "no model knows the language, and the project does not count; turn cache_model on"

log = logging.getLogger(__name__)


def generate(
    model: Model,
    settings: Settings,
    guard: PluginGuard,
    cursor: Cursor,
    cancelled: Event,
    wishes: Wishes = NO_WISHES,
) -> Generation:
    """The engine's candidates at a cursor, before any filter.

    The model reads the canonical form (`reader.py`); what it writes is given in the file's own.
    """
    read, standing = model.reader.read(cursor)
    context = Context()
    for active in model.contexts:
        context = guard.run(active, Context, context, read, context)
    whole = replace(assemble(model.tokenizer, parts_of(context), model.budget), owner=wishes.owner)
    prompt, engine = whole, model.engine
    if wishes.in_time and not cursor.invoked:
        prompt = prompt_in_time(engine, model.tokenizer, model.budget, whole, model.in_time)
    limits = limits_at(model, settings, read, standing.fits, wishes)
    if settings.cache_model:
        prompt = replace(prompt, recall=recall_at(model, read, prompt.heal, wishes.others))
    begun = perf_counter()
    candidates = engine.complete(prompt, limits, cancelled)
    gap = gap_at(read.language, read.prefix, read.suffix)
    if gap.is_evidence and isinstance(engine, Scores):

        def score(texts: Sequence[str]) -> Sequence[float] | None:
            ids = [encode(model.tokenizer, prompt.heal + text) for text in texts]
            return engine.score(prompt, ids, limits, cancelled)

        candidates = condition(candidates, gap, score)
    return Generation(
        model=f"{model.title}, in {cursor.language}",
        prompt=prompt.ids,
        candidates=tuple(map(standing.in_own_form, candidates)),
        read=engine.last_prefill if isinstance(engine, TellsPrefill) else None,
        whole=None if len(prompt.ids) == len(whole.ids) else whole,
        milliseconds=(perf_counter() - begun) * 1e3,
        faults=tuple(filter(None, map(guard.fault, model.contexts))),
    )


def no_model(fault: str) -> Outcome:
    """What a request is answered with where nothing is loaded, and why."""
    return Outcome(obstacle=Station("model", f"no model is loaded: {fault}", passed=False))


def ask_engine(
    model: Model, settings: Settings, guard: PluginGuard, cursor: Cursor, cancelled: Event
) -> Outcome:
    """What the engine has at a cursor and what of it may be shown, or why it is not asked."""
    if model.is_alone and not settings.cache_model:
        return Outcome(obstacle=Station("model", NO_COUNTS, passed=False))
    found = generate(model, settings, guard, cursor, cancelled, IN_TIME)
    shown = select(model, settings, guard, cursor, found.candidates)
    return Outcome(filtered=shown, generation=found)


def recall_at(
    model: Model, cursor: Cursor, heal: str, others: Evidence | None = None
) -> ProjectRecall:
    """What the current file says, and other files: those given, else the project's if any."""
    before = encode(model.tokenizer, cursor.prefix.removesuffix(heal))
    after = encode(model.tokenizer, cursor.suffix)
    if others is None and model.project is not None:
        others = model.project.view(cursor.uri)
    return ProjectRecall(before, after, others)


def parts_of(context: Context) -> Parts:
    """What the prompt is made of, as the prompt's layout takes it."""
    return Parts(
        path=context.path,
        prefix=context.prefix,
        suffix=context.suffix,
        related=tuple(snippet.shown for snippet in context.related),
    )


def select(
    model: Model,
    settings: Settings,
    guard: PluginGuard,
    cursor: Cursor,
    candidates: Iterable[Candidate],
) -> Filtered:
    """What the filters leave of candidates: as many as are wanted, the same text once.

    White space at a text's end says nothing, and is left out at a line's end. A later candidate
    tells more than the start of one before it.
    """
    context = FilterContext(
        prefix=cursor.prefix,
        suffix=cursor.suffix,
        language=cursor.language,
        min_probability=least_probability(settings, cursor),
        min_characters=least_characters(settings, cursor),
        invoked=cursor.invoked,
    )
    shown: dict[str, Candidate] = {}
    verdicts: list[Verdict] = []
    for candidate in likeliest_of_each(candidates):
        if len(shown) == settings.suggestions(invoked=cursor.invoked):
            break
        kept: Candidate | None = candidate
        for verdict in apply_filters(model, guard, candidate, replace(context, shown=tuple(shown))):
            verdicts.append(verdict)
            kept = verdict.after
        if kept and (text := kept.text.rstrip()):
            kept = kept if context.gap.is_inside else truncate(kept, len(text))
            known = shown.get(text)
            if known is None or probability(known) < probability(kept):
                shown[text] = kept
    return Filtered(tuple(shown.values()), tuple(verdicts))


def likeliest_of_each(candidates: Iterable[Candidate]) -> Iterable[Candidate]:
    """The same texts in the same order, each once, by the likeliest of the ways to write it.

    A text has as many probabilities as it can be cut into tokens, and may be found twice where
    what was typed is healed. How much of it is worth showing is judged by the highest.
    """
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        known = found.get(candidate.text)
        if known is None or probability(known) < probability(candidate):
            found[candidate.text] = candidate
    return found.values()


def recall_from(
    cache: SuggestionCache, model: Model, settings: Settings, guard: PluginGuard, cursor: Cursor
) -> Outcome | None:
    """What remembered candidates offer at a cursor; None where the engine must be asked."""
    for rest in cache.find(cursor):
        found = select_rest(model, settings, guard, cursor, rest)
        if found.shown or not rest.typed:
            return Outcome(filtered=found, generation=rest.generation, typed=rest.typed)
    return None


def select_rest(
    model: Model, settings: Settings, guard: PluginGuard, cursor: Cursor, rest: Rest
) -> Filtered:
    """What may be shown of remembered candidates.

    The end of a text that the user types along stays, however short; where the engine might go on,
    a short rest is left out, so that it is asked again.
    """
    if not rest.typed:
        return select(model, settings, guard, cursor, rest.candidates)
    lenient = replace(settings, min_characters=1)
    whole = {item.text.rstrip() for item in rest.candidates if item.stop in FINISHED}
    found = select(model, lenient, guard, cursor, rest.candidates)
    enough = settings.min_characters
    kept = (
        item
        for item in found.shown
        if item.text.rstrip() in whole or len(item.text.strip()) >= enough
    )
    return replace(found, shown=tuple(kept))


def apply_filters(
    model: Model, guard: PluginGuard, candidate: Candidate, context: FilterContext
) -> Iterator[Verdict]:
    """What each filter makes of a candidate, up to one that leaves nothing."""
    before = candidate
    for active in model.filters:
        kept = guard.run(active, Candidate | None, before, before, context)
        reason = "" if kept else reason_of(guard, active, before, context)
        name, fault = active.plugin.name, guard.fault(active)
        yield Verdict(filter=name, before=before, after=kept, reason=reason, fault=fault)
        if kept is None:
            log.info(
                "filter %s drops %d characters", name, len(before.text)
            )  # text stays out of it
            return
        before = kept


def reason_of(
    guard: PluginGuard, active: ActivePlugin, candidate: Candidate, context: FilterContext
) -> str:
    """Why a filter has left nothing of a candidate; "" where it does not say."""
    if not isinstance(active.function, GivesReason):
        return ""
    return guard.run(replace(active, function=active.function.reason), str, "", candidate, context)
