"""Chances of given texts: they are probabilities, whatever is read before or beside them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Prompt, encode, spm
from lsp_server.engines import Limits, Scores
from lsp_server.engines.mixture import LevelWeights, MixtureWeights
from lsp_server.engines.onnx import OnnxEngine, open_engine
from lsp_server.engines.prompt_cache import FEW_TOKENS
from lsp_server.project.recall import ProjectRecall

Graphs = Callable[[str, str], Path]
LIMITS = Limits(stop=lambda _: None)
LONG = "self.assertEqual(parser.parse_args(), [1, 2, 3])\n" * 3


@pytest.fixture(scope="module")
def engine(graphs: Graphs, small_tokenizer: Tokenizer) -> OnnxEngine:
    """An engine whose model knows nothing: chances are chances all the same."""
    return open_engine(graphs("gpt2", "fp32"), small_tokenizer, threads=1)


@pytest.fixture
def prompt(small_tokenizer: Tokenizer) -> Prompt:
    return Prompt(tuple(spm([], encode(small_tokenizer, "def f(x):\n    return "), [])))


def scores(
    engine: OnnxEngine, prompt: Prompt, texts: Sequence[Sequence[int]], limits: Limits = LIMITS
) -> list[float]:
    """The scores, uncancelled."""
    found = engine.score(prompt, texts, limits, Event())
    assert found is not None
    return found


def test_the_chances_of_all_that_may_come_next_make_one(
    engine: OnnxEngine, prompt: Prompt, small_tokenizer: Tokenizer
) -> None:
    assert isinstance(engine, Scores)
    tokens = range(small_tokenizer.get_vocab_size())
    weights = MixtureWeights(project=LevelWeights(), file=LevelWeights())
    ids = encode(small_tokenizer, LONG)
    mixed = Limits(stop=LIMITS.stop, mixture=weights)
    recalled = Prompt(prompt.ids, recall=ProjectRecall(ids, [], None))
    for asked, limits in ((prompt, LIMITS), (recalled, mixed)):
        first = scores(engine, asked, [[token] for token in tokens], limits)
        assert np.exp(first).sum() == pytest.approx(1, abs=1e-3)
        second = scores(engine, asked, [[ids[0], token] for token in tokens], limits)
        assert np.exp(second).sum() == pytest.approx(np.exp(first[ids[0]]), rel=1e-3)


def test_what_is_scored_together_changes_nothing(
    engine: OnnxEngine, prompt: Prompt, small_tokenizer: Tokenizer
) -> None:
    ids = encode(small_tokenizer, LONG)
    assert len(ids) > 2 * FEW_TOKENS
    texts = [ids, ids[:3], [*ids[:3], *ids[5:9]], ids[1:4], ids[: FEW_TOKENS + 1]]
    together = scores(engine, prompt, texts)
    alone = [scores(engine, prompt, [text])[0] for text in texts]
    backwards = scores(engine, prompt, texts[::-1])[::-1]
    assert together == pytest.approx(alone, abs=1e-3)
    assert together == pytest.approx(backwards, abs=1e-3)


def test_completing_after_scoring_writes_what_it_writes_before(
    engine: OnnxEngine, prompt: Prompt, small_tokenizer: Tokenizer
) -> None:
    limits = Limits(max_tokens=8, stop=LIMITS.stop)
    before = engine.complete(prompt, limits, Event())
    scores(engine, prompt, [encode(small_tokenizer, LONG)])
    assert engine.complete(prompt, limits, Event())[0].tokens == before[0].tokens


def test_a_text_without_room_cannot_come_and_one_that_is_cancelled_has_no_score(
    engine: OnnxEngine, prompt: Prompt, small_tokenizer: Tokenizer
) -> None:
    ids = encode(small_tokenizer, LONG)
    few, many = scores(engine, prompt, [ids, ids * 100])
    assert -np.inf == many < few
    cancelled = Event()
    cancelled.set()
    assert engine.score(prompt, [ids], LIMITS, cancelled) is None
