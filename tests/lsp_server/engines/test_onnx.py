"""The engine on a small trained model: cache reuse, limits, stopping, cancelling."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.prompt import Prompt, Sentinel, encode, spm
from lsp_server.engines import Candidate, Limits, StopReason
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.onnx import OnnxEngine, create, open_engine
from lsp_server.engines.prompt_cache import PREFILL_TOKENS
from lsp_server.errors import EngineError
from lsp_server.settings import Settings

Graphs = Callable[[str, str], Path]


def never(_: str) -> None:
    """A stop rule that lets the model go on."""


NO_FIXTURE_CHECK = HealthCheck.function_scoped_fixture
GREEDY = Limits(max_tokens=24, stop=never)


def prompt_of(tokenizer: Tokenizer, prefix: str, heal: str = "", suffix: str = "") -> Prompt:
    """A served prompt."""
    ids = spm([], encode(tokenizer, prefix), encode(tokenizer, suffix))
    return Prompt(tuple(ids), heal)


def complete(engine: OnnxEngine, prompt: Prompt, limits: Limits = GREEDY) -> Candidate:
    """The one candidate, uncancelled."""
    (candidate,) = engine.complete(prompt, limits, Event())
    return candidate


def assert_same(left: Candidate, right: Candidate) -> None:
    """Equal texts, and probabilities equal but for float noise."""
    assert left.tokens == right.tokens
    assert left.stop == right.stop
    assert left.logprobs == pytest.approx(right.logprobs, abs=1e-4)


def test_candidates_are_the_greedy_tokens_of_pytorch(
    graphs: Graphs,
    train_model: Callable[[str], Any],
    small_tokenizer: Tokenizer,
    small_corpus: list[str],
) -> None:
    import torch

    engine = open_engine(graphs("llama", "fp32"), small_tokenizer, threads=1)
    prompt = prompt_of(small_tokenizer, small_corpus[0][3000:3300])
    ids = list(prompt.ids)
    logprobs: list[float] = []
    for _ in range(GREEDY.max_tokens):
        with torch.no_grad():
            logits_V = train_model("llama")(input_ids=torch.tensor([ids])).logits[0, -1]
        logits_V[[sentinel for sentinel in Sentinel if sentinel is not Sentinel.END]] = -torch.inf
        ids.append(int(logits_V.argmax()))
        logprobs.append(float(torch.log_softmax(logits_V, -1).max()))
    assert Sentinel.END not in ids[len(prompt.ids) :], "the test's model must go on writing"
    candidate = complete(engine, prompt)
    assert candidate.text == small_tokenizer.decode(ids[len(prompt.ids) :])
    assert candidate.logprobs == pytest.approx(logprobs, abs=1e-4)
    assert candidate.stop is StopReason.LENGTH


@settings(deadline=None, max_examples=25, suppress_health_check=[NO_FIXTURE_CHECK])
@given(st.data())
def test_a_kept_cache_gives_what_a_fresh_engine_gives_after_any_edits(
    engine: OnnxEngine,
    fresh: Callable[[], OnnxEngine],
    small_tokenizer: Tokenizer,
    small_corpus: list[str],
    data: st.DataObject,
) -> None:
    text = small_corpus[1]
    at = data.draw(st.integers(0, len(text) - 200))
    prefix = text[at : at + 200]
    for _ in range(3):
        start = data.draw(st.integers(0, len(prefix)))
        end = data.draw(st.integers(start, len(prefix)))
        prefix = prefix[:start] + data.draw(st.text(max_size=8)) + prefix[end:]
        prompt = prompt_of(small_tokenizer, prefix, suffix=text[:60])
        assert_same(complete(engine, prompt), complete(fresh(), prompt))


def test_typing_on_reads_only_the_new_tokens(
    fresh: Callable[[], OnnxEngine], small_tokenizer: Tokenizer
) -> None:
    engine, prefix = fresh(), "import os\n" * 20
    first = prompt_of(small_tokenizer, prefix)
    complete(engine, first)
    assert engine.last_prefill == len(first.ids)
    longer = prompt_of(small_tokenizer, prefix + "import sys\n")
    complete(engine, longer)
    assert engine.last_prefill == len(longer.ids) - len(first.ids)
    complete(engine, longer)
    assert engine.last_prefill == 1


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gpt1"])
@pytest.mark.parametrize(("precision", "noise"), [("fp32", 1e-5), ("int8", 2e-2), ("int4", 1e-2)])
def test_a_graph_gives_the_same_logits_in_one_call_in_chunks_and_token_by_token(
    kind: str,
    precision: str,
    noise: float,
    graphs: Graphs,
    small_tokenizer: Tokenizer,
    small_corpus: list[str],
) -> None:
    decoder = OnnxDecoder(open_session(graphs(kind, precision), threads=1))
    ids = encode(small_tokenizer, small_corpus[0])[:96]
    whole_TV = decoder.forward(ids, 0, len(ids)).copy()
    chunks_TV = np.concatenate(
        [decoder.forward(ids[at : at + 32], at, 32).copy() for at in range(0, 96, 32)]
    )
    single_TV = np.concatenate([decoder.forward([ids[at]], at).copy() for at in range(96)])
    allowed = noise * float(np.ptp(whole_TV))
    assert np.abs(chunks_TV - whole_TV).max() < allowed
    assert np.abs(single_TV - whole_TV).max() < allowed


def test_cancelling_stops_before_the_next_token(
    engine: OnnxEngine, small_tokenizer: Tokenizer
) -> None:
    cancelled = Event()

    def cancel_at_third_text(text: str) -> None:
        texts.append(text)
        if len(texts) == 3:
            cancelled.set()

    texts: list[str] = []
    limits = Limits(max_tokens=24, stop=cancel_at_third_text)
    (candidate,) = engine.complete(prompt_of(small_tokenizer, "import os\n"), limits, cancelled)
    assert candidate.stop is StopReason.CANCELLED
    assert candidate.text == texts[2]
    assert len(texts) == 3


class EventSetAfter(Event):
    """An event that is set once it has been looked at `looks` times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def is_set(self) -> bool:
        self._looks -= 1
        return self._looks < 0


def test_cancelling_while_a_prompt_is_read_stops_at_the_next_chunk_and_keeps_what_was_read(
    fresh: Callable[[], OnnxEngine], small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    engine = fresh()
    ids = spm([], encode(small_tokenizer, small_corpus[0])[: PREFILL_TOKENS + 70], [])
    prompt = Prompt(tuple(ids))
    (candidate,) = engine.complete(prompt, GREEDY, EventSetAfter(1))
    assert candidate == Candidate((), (), StopReason.CANCELLED)
    assert_same(complete(engine, prompt), complete(fresh(), prompt))
    engine = fresh()
    engine.complete(prompt, GREEDY, EventSetAfter(1))
    complete(engine, prompt)
    assert engine.last_prefill == len(ids) - PREFILL_TOKENS


def test_decoding_ends_before_the_token_that_makes_the_text_too_unlikely(
    engine: OnnxEngine, small_tokenizer: Tokenizer
) -> None:
    prompt = prompt_of(small_tokenizer, "class Heap:\n    def ")
    free = complete(engine, prompt)
    totals = np.cumsum(free.logprobs)
    limit = float(np.exp((totals[4] + totals[5]) / 2))
    candidate = complete(engine, prompt, replace(GREEDY, min_probability=limit))
    assert candidate.stop is StopReason.UNLIKELY
    assert candidate.tokens == free.tokens[:5]


def test_a_stop_rule_cuts_inside_a_token(engine: OnnxEngine, small_tokenizer: Tokenizer) -> None:
    prompt = prompt_of(small_tokenizer, "class Heap:\n    def ")
    limits = replace(GREEDY, temperature=1.0)
    free = complete(engine, prompt, limits)
    at = next(at for at, text in enumerate(free.tokens) if len(text) > 1)
    keep = len("".join(free.tokens[:at])) + 1
    limits = replace(limits, stop=lambda text: keep if len(text) > keep else None)
    candidate = complete(engine, prompt, limits)
    assert candidate.stop is StopReason.RULE
    assert candidate.tokens == (*free.tokens[:at], free.tokens[at][0])
    assert candidate.logprobs == pytest.approx(free.logprobs[: at + 1], abs=1e-4)


def test_sampling_repeats_with_its_seed_and_differs_between_seeds(
    engine: OnnxEngine, small_tokenizer: Tokenizer
) -> None:
    prompt = prompt_of(small_tokenizer, "class Heap:\n    def ")
    limits = replace(GREEDY, temperature=1.0, top_p=0.95, seed=1)
    first = complete(engine, prompt, limits)
    assert_same(complete(engine, prompt, limits), first)
    texts = {complete(engine, prompt, replace(limits, seed=seed)).text for seed in range(5)}
    assert len(texts) > 1


def test_no_sentinel_but_the_end_is_ever_written(
    engine: OnnxEngine, small_tokenizer: Tokenizer
) -> None:
    prompt = prompt_of(small_tokenizer, "x")
    for seed in range(8):
        limits = replace(GREEDY, temperature=50.0, seed=seed, max_tokens=100)
        candidate = complete(engine, prompt, limits)
        assert "<|" not in candidate.text
        assert "\ufffd" not in candidate.text


def test_a_prompt_that_fills_the_context_leaves_one_token_and_a_longer_one_is_refused(
    engine: OnnxEngine, small_tokenizer: Tokenizer
) -> None:
    filler = encode(small_tokenizer, "x = 1\n" * 300)
    candidate = complete(engine, Prompt(tuple(filler[:256])))
    assert len(candidate.tokens) <= 1
    with pytest.raises(EngineError, match="1 to 256 tokens, found 257"):
        complete(engine, Prompt(tuple(filler[:257])))
    with pytest.raises(EngineError, match="found 0"):
        complete(engine, Prompt(()))


def test_the_entry_point_opens_a_bundle_and_says_what_runs_it(
    small_bundle: Path, small_tokenizer: Tokenizer
) -> None:
    engine = create(load(small_bundle), threads=1)
    assert engine.provider.endswith("ExecutionProvider")
    assert complete(engine, prompt_of(small_tokenizer, "import ")).logprobs


def test_the_entry_point_without_a_bundle_says_what_to_set() -> None:
    with pytest.raises(EngineError, match="expected a bundle, found none"):
        create(None, threads=1)


def test_a_file_that_is_no_graph_is_an_engine_error(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(EngineError, match="expected a graph that onnxruntime"):
        open_session(tmp_path / "model.onnx", threads=1)


def test_what_is_forgotten_is_read_anew_and_written_the_same() -> None:
    engine = create(load(Settings().bundle_folder), threads=1)
    ids = tuple(range(100, 200))
    limits = Limits(max_tokens=4, stop=never)
    [before] = engine.complete(Prompt(ids), limits, Event())
    engine.complete(Prompt(ids), limits, Event())
    assert engine.last_prefill == 1
    engine.forget()
    assert not any(engine._cache._slots)
    decoder = engine._cache.decoder
    assert isinstance(decoder, OnnxDecoder)
    assert (decoder._calls, decoder._slots) == ({}, {})
    [after] = engine.complete(Prompt(ids), limits, Event())
    assert engine.last_prefill == len(ids)
    assert after.tokens == before.tokens
