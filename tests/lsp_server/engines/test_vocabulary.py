"""The vocabulary's bytes are those the tokenizer decodes to, and healing finds every start."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lsp_server.engines.vocabulary import byte_alphabet, read_vocabulary
from lsp_server.errors import TokenizerError
from lsp_server.prompt import SENTINELS, encode

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
