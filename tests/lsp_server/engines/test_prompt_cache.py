"""Several prompts' caches: which slot a prompt goes to, and what is read again."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import encode
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.prompt_cache import PREFILL_TOKENS, WORTH_KEEPING, PromptCache

Open = Callable[[int], PromptCache]


@pytest.fixture(scope="module")
def decoder(graphs: Callable[[str, str], Path]) -> OnnxDecoder:
    return OnnxDecoder(open_session(graphs("llama", "fp32"), threads=1))


@pytest.fixture
def texts(small_tokenizer: Tokenizer, small_corpus: list[str]) -> list[list[int]]:
    return [encode(small_tokenizer, text[400:])[:150] for text in small_corpus]


def read(cache: PromptCache, ids: Sequence[int], draft: Sequence[int] = ()) -> np.ndarray:
    cache.activate(ids)
    logits = cache.prefill(ids, draft, Event())
    assert logits is not None
    return logits.copy()


def test_going_to_and_fro_between_documents_reads_only_what_is_new(
    decoder: OnnxDecoder, texts: list[list[int]]
) -> None:
    cache = PromptCache(decoder, slots=2)
    for text in texts[:2]:
        read(cache, text[:100])
        assert cache.last_prefill == 100
    for length in (104, 107, 112):
        for text in texts[:2]:
            read(cache, text[:length])
            assert cache.last_prefill <= 5


def test_the_slot_that_was_not_used_for_longest_is_given_away(
    decoder: OnnxDecoder, texts: list[list[int]]
) -> None:
    cache = PromptCache(decoder, slots=2)
    for text in (texts[0], texts[1], texts[0], texts[2]):
        read(cache, text[:100])
    read(cache, texts[0][:101])
    assert cache.last_prefill == 1
    read(cache, texts[1][:100])
    assert cache.last_prefill == 100


def test_a_prompt_shares_nothing_with_one_of_another_owner(
    decoder: OnnxDecoder, texts: list[list[int]]
) -> None:
    cache, ids = PromptCache(decoder, slots=3), texts[0][:100]
    for owner, unread in (("ann", 100), ("ann", 1), ("ben", 100), ("ann", 1), ("ben", 1)):
        assert cache.activate(ids, owner) == unread
        cache.prefill(ids, (), Event())
    read(cache, ids)
    assert cache.last_prefill == 100


def test_logits_are_those_of_a_fresh_cache_whatever_was_read_before(
    decoder: OnnxDecoder, texts: list[list[int]]
) -> None:
    kept = PromptCache(decoder, slots=2)
    prompts = [texts[0][:90], texts[1][:120], texts[0][:70] + texts[2][:30], texts[1][:60]]
    found = [read(kept, prompt) for prompt in (*prompts, *reversed(prompts))]
    for prompt, logits in zip((*prompts, *reversed(prompts)), found, strict=True):
        assert logits == pytest.approx(read(PromptCache(decoder, 1), prompt), abs=1e-3)


def test_a_draft_s_logits_are_those_of_reading_it_token_by_token(
    decoder: OnnxDecoder, texts: list[list[int]]
) -> None:
    ids, draft = texts[0][:100], texts[0][100:105]
    together = read(PromptCache(decoder, 1), ids, draft)
    cache = PromptCache(decoder, 1)
    alone = [read(cache, ids), *(cache.feed([token]).copy() for token in draft)]
    assert together == pytest.approx(np.concatenate(alone), abs=1e-3)


@pytest.mark.parametrize("length", [1, PREFILL_TOKENS, PREFILL_TOKENS + 1, 150])
def test_every_length_of_prompt_is_read_whole(
    decoder: OnnxDecoder, texts: list[list[int]], length: int
) -> None:
    cache = PromptCache(decoder, 1)
    read(cache, texts[1][:length])
    assert cache.ids == texts[1][:length]
    assert cache.last_prefill == length


def test_a_start_that_is_shared_by_chance_does_not_cost_another_document_its_cache(
    decoder: OnnxDecoder, texts: list[list[int]]
) -> None:
    cache = PromptCache(decoder, slots=2)
    head = texts[0][: WORTH_KEEPING // 2]
    read(cache, head + texts[1][:100])
    read(cache, head + texts[2][:100])
    read(cache, head + texts[1][:101])
    assert cache.last_prefill == 1
