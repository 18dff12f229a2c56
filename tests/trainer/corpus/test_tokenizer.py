"""The tokenizer gives text back exactly, never gives a sentinel, and keeps its pieces in typing."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from lsp_server.contract.prompt import (
    SENTINELS,
    Sentinel,
    decode,
    encode,
    last_piece,
    load_tokenizer,
)
from trainer.cli.main import parse
from trainer.corpus import tokenizer as stage
from trainer.corpus.config import TokenizerConfig
from trainer.corpus.document import DocumentWriter
from trainer.corpus.readers.files import Origin, admit_text
from trainer.errors import CorpusError

CODE = '''class Reader:
    """Reads rows."""

    def __init__(self, path: str, limit: int = 100) -> None:
        self._path = path
        self.limit = limit

    def read_rows(self):
        for number, row in enumerate(open(self._path), start=1):
            if number > self.limit:
                return
            yield {"row": row.strip(), 'n': number}
'''

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
CODE_LIKE = st.lists(
    st.sampled_from([*"ab_.,:;=()[]{}'\"#-+*/ \t\n\r019é\u0301世", "  ", "\r\n", "def", "__"])
).map("".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose tokenizer is trained."""
    run = tmp_path_factory.mktemp("run")
    for split, names in {"train": ("Reader", "Writer", "Parser"), "heldout": ("Scanner",)}.items():
        with DocumentWriter(run / "dedup" / split) as writer:
            for name in names:
                origin = Origin("folder", name, "", "mit")
                writer.write(admit_text(origin, "a.py", CODE.replace("Reader", name)))
            if split == "train":
                source = Path(stage.__file__).read_text(encoding="utf-8")
                writer.write(admit_text(origin, "b.py", source))
    (run / "tokenizer").mkdir()
    stage.run(TokenizerConfig(vocabulary=512), {"dedup": run / "dedup"}, run / "tokenizer")
    return run


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return load_tokenizer(folder / "tokenizer/tokenizer.json")


def pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    return [text[a:b] for _, (a, b) in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


@given(text=st.one_of(TEXTS, CODE_LIKE))
@settings(deadline=None)
def test_text_comes_back_exactly(tokenizer: Tokenizer, text: str) -> None:
    assert decode(tokenizer, encode(tokenizer, text)) == text


@given(parts=st.lists(st.one_of(st.sampled_from(SENTINELS), TEXTS)))
@settings(deadline=None)
def test_no_text_gives_a_sentinel(tokenizer: Tokenizer, parts: list[str]) -> None:
    ids = encode(tokenizer, "".join(parts))
    assert not set(ids) & set(map(int, Sentinel))
    assert decode(tokenizer, ids) == "".join(parts)


@given(text=CODE_LIKE, data=st.data())
@settings(deadline=None, max_examples=500)
def test_taking_back_the_last_piece_leaves_the_pieces_of_finished_text(
    tokenizer: Tokenizer, text: str, data: st.DataObject
) -> None:
    cursor = data.draw(st.integers(0, len(text)))
    typed = pieces(tokenizer, text[:cursor])[:-1]
    assert typed == pieces(tokenizer, text)[: len(typed)]


@given(text=CODE_LIKE)
@settings(deadline=None)
def test_the_prompts_last_piece_is_that_of_the_whole_text(tokenizer: Tokenizer, text: str) -> None:
    found = pieces(tokenizer, text)
    assert last_piece(tokenizer, text) == (found[-1] if found else "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(x):\n    return x", ["def", " f", "(x", "):", "\n    ", "return", " x"]),
        ("self._path.read()", ["self", "._path", ".read", "()"]),
        ("a = 12345", ["a", " =", " 12", "34", "5"]),
        ("a\r\n\t\n\n    b", ["a", "\r\n\t", "\n", "\n    ", "b"]),
        ("x = 1  # why", ["x", " =", " 1", " ", " #", " why"]),
        ("__init__(self)", ["__init", "__", "(self", ")"]),
        ("größe_2 != 'ab'", ["größe", "_", "2", " !=", " '", "ab", "'"]),
    ],
)
def test_code_is_split_where_code_has_its_joints(
    tokenizer: Tokenizer, text: str, expected: list[str]
) -> None:
    assert pieces(tokenizer, text) == expected


def test_a_line_end_with_its_indentation_is_one_token(tokenizer: Tokenizer) -> None:
    assert len(encode(tokenizer, "\n        ")) == 1
    assert len(encode(tokenizer, "\n    ")) == 1


def test_a_method_with_its_dot_is_one_token_that_the_articles_recipe_weighs() -> None:
    text = "model.fit(rows)\nguess = model.predict(rows)\n"
    tokenizer = stage.train_tokenizer([text] * 20, 512, stage.code_pre_tokenizer())
    tokens = {decode(tokenizer, [number]) for number in encode(tokenizer, text)}
    recipe = parse(["pretrain", "--recipe", "article"]).recipe
    assert {".fit", ".predict"} <= tokens & set(recipe.pretrain.key_tokens)


def test_the_sentinels_come_first_and_the_vocabulary_is_as_asked(tokenizer: Tokenizer) -> None:
    assert [tokenizer.id_to_token(number) for number in range(7)] == list(SENTINELS)
    assert tokenizer.get_vocab_size() == 512


def test_no_token_but_a_line_end_crosses_lines(tokenizer: Tokenizer) -> None:
    texts = [decode(tokenizer, [number]) for number in range(7, tokenizer.get_vocab_size())]
    crossing = [text for text in texts if "\n" in text]
    assert "\n    " in crossing
    assert not [text for text in crossing if text.strip() or text.count("\n") > 1]


def test_the_report_measures_held_out_bytes_per_token_beside_gpt2s_pattern(
    folder: Path, tokenizer: Tokenizer
) -> None:
    report = json.loads((folder / "tokenizer/report.json").read_text())
    text = CODE.replace("Reader", "Scanner")
    by_hand = len(text.encode()) / len(encode(tokenizer, text))
    assert report["heldout_bytes_per_token"] == pytest.approx(by_hand, abs=1e-4)
    assert report["heldout_bytes_per_token_gpt2_pattern"] > 0
    assert report["heldout_documents"] == 1


def test_the_same_text_gives_the_same_tokenizer(folder: Path, tmp_path: Path) -> None:
    config = TokenizerConfig(vocabulary=512, compare_gpt2=False)
    stage.run(config, {"dedup": folder / "dedup"}, tmp_path)
    first = (folder / "tokenizer/tokenizer.json").read_bytes()
    assert (tmp_path / "tokenizer.json").read_bytes() == first


def test_the_sample_stops_at_its_limit_and_the_seed_draws_it() -> None:
    origin = Origin("folder", "one", "", "mit")
    documents = [admit_text(origin, f"{n}.py", f"{n:010d}") for n in range(100)]
    chosen = [stage.sample_ids(documents, 95, seed) for seed in (0, 0, 1)]
    assert [len(ids) for ids in chosen] == [10, 10, 10]
    assert chosen[0] == chosen[1] != chosen[2]


def test_an_empty_training_split_is_an_error(tmp_path: Path) -> None:
    for split in ("train", "heldout"):
        with DocumentWriter(tmp_path / "dedup" / split):
            pass
    with pytest.raises(CorpusError, match=r"expected documents in .*train, found none"):
        stage.run(TokenizerConfig(), {"dedup": tmp_path / "dedup"}, tmp_path)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=40),
    st.integers(0, 120),
    st.integers(0, 3),
)
def test_the_sample_is_the_start_of_the_seeded_order_that_reaches_the_limit(
    drawn: list[tuple[int, int]], limit: int, seed: int
) -> None:
    origin = Origin("folder", "r", "", "mit")
    documents = [admit_text(origin, "a.py", f"{number}" * size) for number, size in drawn]
    sizes = {document.id: len(document.text) for document in documents}
    order = sorted(sizes, key=lambda key: hashlib.sha256(f"{seed}\0{key}".encode()).digest())
    expected: set[str] = set()
    for key in order:
        if sum(sizes[each] for each in expected) >= limit:
            break
        expected.add(key)
    assert stage.sample_ids(iter(documents), limit, seed) == expected
