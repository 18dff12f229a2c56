"""The two ways through an int8 graph: few tokens and many, over the same codes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from lsp_server.contract.prompt import encode
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.prompt_cache import FEW_TOKENS
from trainer.export.graph.decoders import build_decoder

Make = Callable[[str], Any]


@pytest.fixture(params=["llama", "gpt2"])
def decoder(request: pytest.FixtureRequest, train_model: Make, tmp_path: Path) -> OnnxDecoder:
    """A trained model's int8 graph."""
    path = tmp_path / "int8.onnx"
    onnx.save(build_decoder(train_model(request.param), "int8"), path)
    return OnnxDecoder(open_session(path, threads=1))


@pytest.fixture
def ids(small_tokenizer: Tokenizer, small_corpus: list[str]) -> list[int]:
    """Some code."""
    return encode(small_tokenizer, small_corpus[0][6000:6600])[:128]


def read(decoder: OnnxDecoder, ids: list[int], size: int) -> NDArray[np.float32]:
    """Logits [T, V] of all of `ids`, read `size` at a time."""
    parts = [ids[at : at + size] for at in range(0, len(ids), size)]
    starts = range(0, len(ids), size)
    return np.concatenate(
        [
            decoder.forward(part, at, len(part)).copy()
            for part, at in zip(parts, starts, strict=True)
        ]
    )


def test_a_draft_is_verified_on_the_way_of_single_tokens(
    decoder: OnnxDecoder, ids: list[int]
) -> None:
    single_TV = read(decoder, ids, 1)
    verified_TV = read(decoder, ids, FEW_TOKENS)
    assert (single_TV.argmax(-1) == verified_TV.argmax(-1)).mean() > 0.98
    assert np.abs(single_TV - verified_TV).max() < 0.01 * np.ptp(single_TV)


def test_both_ways_nearly_agree_and_are_not_the_same(decoder: OnnxDecoder, ids: list[int]) -> None:
    few_TV, many_TV = read(decoder, ids, FEW_TOKENS), read(decoder, ids, FEW_TOKENS * 2)
    apart = np.abs(few_TV - many_TV).max() / np.ptp(few_TV)
    assert 1e-5 < apart < 0.05


def test_on_the_way_of_many_a_token_does_not_depend_on_those_after_it(
    decoder: OnnxDecoder, ids: list[int]
) -> None:
    whole_TV = decoder.forward(ids, 0, len(ids)).copy()
    start_TV = decoder.forward(ids[:64], 0, 64).copy()
    assert np.abs(whole_TV[:64] - start_TV).max() < 1e-3 * np.ptp(whole_TV)


def test_codes_are_stored_once(train_model: Make) -> None:
    graph = build_decoder(train_model("llama"), "int8").graph
    names = [tensor.name for tensor in graph.initializer]
    assert len(names) == len(set(names))
    assert sum(name.endswith(".codes") for name in names) == 2 * 4 + 1
    for branch in (
        item.g for node in graph.node if node.op_type == "If" for item in node.attribute
    ):
        assert not branch.initializer
