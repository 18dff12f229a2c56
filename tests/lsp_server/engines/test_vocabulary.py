"""The vocabulary's bytes are those the tokenizer decodes to, and healing finds every start."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lsp_server.contract.prompt import SENTINELS, Prompt, Sentinel, encode, guard_sentinels, spm
from lsp_server.engines import Limits
from lsp_server.engines.onnx import open_engine
from lsp_server.engines.vocabulary import byte_alphabet, read_vocabulary
from lsp_server.errors import TokenizerError

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_the_byte_alphabet_is_the_tokenizers_librarys() -> None:
    alphabet = byte_alphabet()
    assert set(alphabet) == set(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(alphabet.values()) == list(range(256))


@SHARED
@given(st.text(max_size=40))
def test_the_pieces_of_a_text_join_to_its_bytes(small_tokenizer: Tokenizer, text: str) -> None:
    pieces = read_vocabulary(small_tokenizer).pieces
    assert b"".join(pieces[token] for token in encode(small_tokenizer, text)) == text.encode()


@SHARED
@given(st.data())
def test_every_token_that_can_begin_a_text_is_found_and_no_other(
    small_tokenizer: Tokenizer, small_corpus: list[str], data: st.DataObject
) -> None:
    vocabulary = read_vocabulary(small_tokenizer)
    at = data.draw(st.integers(0, len(small_corpus[0]) - 8))
    from_corpus = small_corpus[0][at : at + data.draw(st.integers(1, 8))]
    text = (from_corpus if data.draw(st.booleans()) else data.draw(st.text(min_size=1))).encode()
    expected = {
        token
        for token, piece in enumerate(vocabulary.pieces)
        if piece and (piece.startswith(text) or text.startswith(piece))
    }
    found = vocabulary.beginning(text).tolist()
    assert set(found) == expected
    assert len(found) == len(expected) > 0


def test_a_tokenizer_that_lacks_bytes_is_refused() -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(special_tokens=list(SENTINELS), show_progress=False)
    tokenizer.train_from_iterator(["import os\n"], trainer)
    with pytest.raises(TokenizerError, match="each of the 256 bytes"):
        read_vocabulary(tokenizer)


def test_a_tokenizer_that_is_not_byte_level_is_refused() -> None:
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(special_tokens=list(SENTINELS), show_progress=False)
    tokenizer.train_from_iterator(["import os\n"], trainer)
    with pytest.raises(TokenizerError, match="byte-level tokenizer, found the token"):
        read_vocabulary(tokenizer)


def reread(tokenizer: Tokenizer) -> Tokenizer:
    """A copy, to be changed."""
    return guard_sentinels(Tokenizer.from_str(tokenizer.to_str()), "a copy")


def test_special_tokens_of_others_stand_for_no_text(small_tokenizer: Tokenizer) -> None:
    tokenizer = reread(small_tokenizer)
    tokenizer.add_special_tokens(["<|im_end|>"])
    tokenizer.add_tokens(["    # é"])
    ids = tokenizer.get_vocab(with_added_tokens=True)
    foreign, ordinary = ids["<|im_end|>"], ids["    # é"]

    vocabulary = read_vocabulary(tokenizer)

    assert vocabulary.pieces[foreign] == b""
    assert foreign in vocabulary.never_written
    assert foreign not in vocabulary.beginning(b"<|im")
    assert vocabulary.pieces[ordinary] == "    # é".encode()
    assert Sentinel.END not in vocabulary.never_written


def test_the_engine_never_writes_special_tokens_of_others(
    graphs: Callable[[str, str], Path], small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    limits = Limits(max_tokens=12, stop=lambda _: None)
    prompt = Prompt(tuple(spm([], encode(small_tokenizer, small_corpus[0][6000:6300]), [])))
    graph, texts = graphs("llama", "fp32"), []
    tokenizer = reread(small_tokenizer)
    for _ in range(2):
        (candidate,) = open_engine(graph, tokenizer, threads=1).complete(prompt, limits, Event())
        texts.append(candidate.text)
        longest = max(small_tokenizer.encode(texts[0]).tokens, key=len)
        tokenizer.add_special_tokens([longest])

    taken = read_vocabulary(small_tokenizer).pieces[small_tokenizer.get_vocab()[longest]].decode()
    assert taken in texts[0]
    assert taken not in texts[1]
