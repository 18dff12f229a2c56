"""Tokenizers of other families: typed halves are healed, a key is read at once, bytes stay."""

import json
from copy import deepcopy
from pathlib import Path
from random import Random
from statistics import median
from time import thread_time
from timeit import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.line_tokens import LineTokenizer
from lsp_server.contract.prompt import (
    Budget,
    Parts,
    Sentinel,
    assemble,
    decode,
    encode,
    last_piece,
)
from lsp_server.engines.onnx import create
from lsp_server.engines.vocabulary import BYTE_TOKENS, SPACE, read_vocabulary
from tests.trainer.export.importing.foreign import (
    END,
    KINDS,
    SPACED,
    imported,
    sources,
    tokenizer_record,
)
from trainer.errors import ImportModelError
from trainer.export.importing.importer import Options, import_model
from trainer.export.importing.renumbering import renumber
from trainer.export.importing.roles import find_roles
from trainer.export.importing.sources.gguf_tokenizer import read_tokenizer
from trainer.export.importing.sources.spaced import in_pieces

CUTS, FINISHED = 3000, 0.99
LINES, KEY_MS = 2500, 5.0
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            *"ab1_('\":)#.\t\r\x0b\x1c\x85",
            "\n",
            "\r\n",
            "\n    ",
            " ",
            "  ",
            "'s",
            "é",
            "中",
            "\u3000",
            "\u2028",
        ]
    ),
    max_size=40,
).map("".join)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_before_the_cursor_are_the_tokens_of_finished_text(kind: str) -> None:
    tokenizer, rng = imported(kind), Random(0)
    finished = 0
    for _ in range(CUTS):
        text = rng.choice(sources())
        at = rng.randrange(1, max(len(text) - 80, 2))
        begun, rest = text[max(0, at - 300) : at], text[at : at + 80]
        piece = last_piece(tokenizer, begun)
        kept = encode(tokenizer, begun[: len(begun) - len(piece)])
        finished += encode(tokenizer, begun + rest)[: len(kept)] == kept
    assert finished >= FINISHED * CUTS


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_press_is_read_within_milliseconds(kind: str) -> None:
    lines = LineTokenizer(imported(kind))
    text = "\n".join("\n".join(sources()).splitlines()[:LINES])
    at = text.index("\n", len(text) // 2)
    states = [(text[:at] + "\n    name = self.val"[:end], text[at:]) for end in range(20)]
    pressed = iter(states * 2)

    def press() -> None:
        before, after = next(pressed)
        assemble(lines, Parts(path="a.py", prefix=before, suffix=after), Budget())
        encode(lines, before)
        encode(lines, after)

    times = repeat(press, timer=thread_time, repeat=2 * len(states), number=1)
    assert 1e3 * median(times[len(states) :]) <= KEY_MS


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=FRAGMENTS)
def test_parts_of_a_text_are_read_as_the_whole(kind: str, text: str) -> None:
    tokenizer = imported(kind)
    lines = LineTokenizer(tokenizer)
    assert lines.cut is not None
    assert "".join(lines.cut(text)) == text
    assert encode(lines, text) == encode(tokenizer, text)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(text=st.one_of(FRAGMENTS, st.text(max_size=30)))
def test_the_bytes_of_the_tokens_are_those_of_the_text(kind: str, text: str) -> None:
    tokenizer = imported(kind)
    plain = text.replace(SPACE, "")
    pieces = read_vocabulary(tokenizer).pieces
    ids = encode(tokenizer, plain)
    assert b"".join(pieces[token] for token in ids) == plain.encode()
    assert decode(tokenizer, ids) == plain


def test_a_gguf_files_scores_give_the_tokens_of_its_merges() -> None:
    record = tokenizer_record(SPACED)
    vocab = record["model"]["vocab"]
    ranks = {"".join(merge): -at for at, merge in enumerate(record["model"]["merges"])}
    read = read_tokenizer(
        {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.tokens": list(vocab),
            "tokenizer.ggml.scores": [float(ranks.get(text, -1e6)) for text in vocab],
            "tokenizer.ggml.token_type": [
                2 if at == 0 else 3 if at < 3 else 6 if text in BYTE_TOKENS else 1
                for text, at in vocab.items()
            ],
        }
    )
    found, expected = (Tokenizer.from_str(json.dumps(each)) for each in (read, in_pieces(record)))
    for text in sources()[:20]:
        assert encode(found, text) == encode(expected, text)


def test_scores_that_are_not_one_a_token_are_refused() -> None:
    with pytest.raises(ImportModelError, match="expected 1 numbers, found 0"):
        read_tokenizer({"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["a"]})


def test_a_token_that_reaches_over_words_is_refused_by_its_text() -> None:
    model = {"type": "BPE", "byte_fallback": True, "vocab": {"a": 0, f"a{SPACE}b": 1}, "merges": []}
    with pytest.raises(ImportModelError, match=f"found 'a{SPACE}b'"):
        in_pieces({"model": model, "added_tokens": []})


def test_a_piece_of_text_that_looks_like_a_mark_stays_text() -> None:
    """As Qwen's `<s>`, which its merges make; a mark is what a tokenizer lists apart."""
    record = deepcopy(tokenizer_record("qwen2"))
    model = record["model"]
    for parts in (("<", "s"), ("<s", ">"), ("Ġ", "<s>")):
        model["vocab"]["".join(parts)] = len(model["vocab"])
        model["merges"].insert(0, list(parts))
    roles = find_roles(record, {})
    assert roles == {Sentinel.END: model["vocab"][END]}
    found = renumber(record, len(model["vocab"]), roles).tokenizer
    assert decode(Tokenizer.from_str(json.dumps(found)), [found["model"]["vocab"]["<s>"]]) == "<s>"
    ending = renumber(record, len(model["vocab"]), {Sentinel.END: model["vocab"]["<s>"]}).tokenizer
    tokenizer = Tokenizer.from_str(json.dumps(ending))
    assert decode(tokenizer, encode(tokenizer, "a <s> b")) == "a <s> b"


def test_a_space_that_a_tokenizer_puts_in_front_of_a_text_is_none_of_a_prompts() -> None:
    tokenizer = imported(SPACED)
    assert decode(tokenizer, encode(tokenizer, "import os")) == "import os"
    ids = encode(tokenizer, "    return self")
    assert ids == [*encode(tokenizer, "    return"), *encode(tokenizer, " self")]


def test_a_model_with_such_a_tokenizer_is_imported_and_completes(tmp_path: Path) -> None:
    import torch
    import transformers

    from tests.trainer.export.importing.zoo import ZOO

    record = tokenizer_record(SPACED)
    settings_ = {**ZOO["llama"][1], "vocab_size": len(record["model"]["vocab"])}
    torch.manual_seed(0)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**settings_))
    model.save_pretrained(tmp_path / "source")
    (tmp_path / "source" / "tokenizer.json").write_text(json.dumps(record))
    options = Options(licence="apache-2.0")
    bundle = import_model(str(tmp_path / "source"), tmp_path / "out", options, lambda line: None)
    assert create(load(bundle.folder), threads=1)
