"""Drafts never change what is written, and save steps where they are right."""

import heapq
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.prompt import Prompt, encode, last_piece, load_tokenizer, spm
from lsp_server.contract.recall import Levels, Rung
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.engines.decoding.speculation import Drafter
from lsp_server.engines.mixture import LevelWeights, MixtureWeights, read_weights
from lsp_server.engines.onnx import OnnxEngine, create
from lsp_server.engines.vocabulary import read_vocabulary
from lsp_server.project.recall import ProjectRecall
from lsp_server.settings import Settings

TRUSTING = MixtureWeights(
    project=LevelWeights(length=(2.0,) * 10), file=LevelWeights(length=(2.0,) * 10)
)
"""Counts are believed, so that much is drafted, right and wrong."""
LIMITS = Limits(max_tokens=20, stop=lambda _: None, mixture=TRUSTING)


class Foretelling:
    """A recall that expects one text, token by token, whatever the context ends with."""

    def __init__(self, ids: Sequence[int], start: int) -> None:
        self._after = {tuple(ids[:at][-32:]): ids[at] for at in range(start, len(ids))}

    def levels(self, context: Sequence[int]) -> Levels:
        """One sure rung where the context is known."""
        token = self._after.get(tuple(context))
        return (), () if token is None else (Rung(32, 50, {token: 50}),)


def prompt_at(tokenizer: Tokenizer, text: str, at: int, *, heal: bool) -> Prompt:
    """The prompt at a place of a text, which also is the current file."""
    before, after = text[max(0, at - 300) : at], text[at + 40 : at + 240]
    piece = last_piece(tokenizer, before) if heal else ""
    before_ids = encode(tokenizer, before.removesuffix(piece))
    after_ids = encode(tokenizer, after)
    recall = ProjectRecall(before_ids, after_ids, None)
    return Prompt(tuple(spm([], before_ids, after_ids[:40])), piece, recall)


def write(engine: OnnxEngine, prompt: Prompt, limits: Limits) -> list[Candidate]:
    return engine.complete(prompt, limits, Event())


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_with_drafts_the_engine_writes_token_for_token_what_it_writes_without(
    engine: OnnxEngine, small_tokenizer: Tokenizer, small_corpus: list[str], data: st.DataObject
) -> None:
    text = small_corpus[data.draw(st.integers(0, 2))]
    at = data.draw(st.integers(100, len(text) - 300))
    prompt = prompt_at(small_tokenizer, text, at, heal=data.draw(st.booleans()))
    limits = replace(LIMITS, mixed=data.draw(st.booleans()), alternatives=2)
    (plain, *others), (drafted, *other_drafted) = (
        write(engine, prompt, replace(limits, drafted=drafted)) for drafted in (0, 8)
    )
    assert drafted.tokens == plain.tokens
    assert drafted.stop == plain.stop
    assert drafted.logprobs == pytest.approx(plain.logprobs, abs=1e-3)
    assert [other.tokens for other in other_drafted] == [other.tokens for other in others]


def test_the_shipped_bundle_writes_the_same_with_drafts_but_for_rounding() -> None:
    engine = create(load(Settings().bundle_folder), threads=1)
    tokenizer = load_tokenizer(Settings().bundle_folder / "tokenizer.json")
    text = inspect.getsource(heapq)
    weights = read_weights(load(Settings().bundle_folder).mixture_path)
    limits = replace(LIMITS, max_tokens=16, mixture=weights)
    same: list[bool] = []
    for at in range(600, 6000, 60):
        prompt = prompt_at(tokenizer, text, at, heal=True)
        (plain,), (drafted,) = (
            write(engine, prompt, replace(limits, drafted=most)) for most in (0, 8)
        )
        same.append(drafted.tokens == plain.tokens)
    assert engine.counters.accepted > 60
    assert sum(same) >= 0.9 * len(same)  # float noise can move an activation by a step of int8


def test_a_right_draft_saves_steps_and_a_wrong_one_changes_nothing(
    fresh: Callable[[], OnnxEngine], small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    engine = fresh()
    ids = encode(small_tokenizer, small_corpus[0])[100:160]
    prompt = Prompt(tuple(spm([], ids, [])))
    limits = replace(LIMITS, mixed=False, max_tokens=16)
    (plain,) = write(engine, prompt, limits)
    assert engine.counters.steps == engine.counters.tokens == 16
    ids_of = {piece: token for token, piece in enumerate(read_vocabulary(small_tokenizer).pieces)}
    written = [ids_of[token.encode()] for token in plain.tokens]
    right = replace(prompt, recall=Foretelling([*ids, *written], len(ids)))
    before = engine.counters.steps
    assert write(engine, right, limits)[0].tokens == plain.tokens
    assert engine.counters.steps - before <= 8
    assert engine.counters.accepted >= 8
    wrong = replace(prompt, recall=Foretelling([*ids, *([written[0] + 1] * 16)], len(ids)))
    assert write(engine, wrong, limits)[0].tokens == plain.tokens


def test_a_prompt_that_fills_the_context_leaves_no_room_for_a_draft(
    engine: OnnxEngine, small_tokenizer: Tokenizer
) -> None:
    ids = encode(small_tokenizer, "x = 1\n" * 300)[:250]
    prompt = Prompt(tuple(ids), "", ProjectRecall(ids, (), None))
    (candidate,) = write(engine, prompt, LIMITS)
    assert len(candidate.tokens) <= 7
    assert candidate.stop is StopReason.LENGTH


def test_a_draft_keeps_to_the_word_that_is_typed_halfway(small_tokenizer: Tokenizer) -> None:
    pieces = read_vocabulary(small_tokenizer).pieces
    a, b = (next(i for i, piece in enumerate(pieces) if piece == text) for text in (b"a", b"b"))
    context = (300, 301)
    recall = Foretelling([*context, a], 2)
    drafter = Drafter(recall, TRUSTING, pieces)
    assert drafter.draft(context, b"", 1, lambda _: True) == (a,)
    assert drafter.draft(context, b"a", 1, lambda _: True) == (a,)
    assert drafter.draft(context, b"b", 1, lambda _: True) == ()
    assert b != a


def test_a_draft_ends_where_no_more_is_wanted(small_tokenizer: Tokenizer) -> None:
    context = (300, 301, 302, 303, 304)
    drafter = Drafter(Foretelling(context, 1), TRUSTING, [b"x"] * 640)
    assert drafter.draft((300,), b"", 8, lambda _: True) == (301, 302, 303, 304)
    assert drafter.draft((300,), b"", 8, lambda text: len(text) < 2) == (301, 302)


def test_alternatives_are_other_texts_and_the_first_is_the_one_written_alone(
    engine: OnnxEngine, small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    prompt = prompt_at(small_tokenizer, small_corpus[0], 2000, heal=True)
    (alone,) = write(engine, prompt, LIMITS)
    found = write(engine, prompt, replace(LIMITS, alternatives=4))
    assert (found[0].tokens, found[0].stop) == (alone.tokens, alone.stop)
    assert len({candidate.text for candidate in found}) == len(found) == 4
    totals = [sum(candidate.logprobs) for candidate in found]
    assert all(total <= 0 for total in totals)
