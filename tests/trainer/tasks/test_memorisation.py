"""Verbatim memory: snippets are text of one segment, and only the same text counts."""

import numpy as np
import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Sentinel, budget_for, decode, encode, plain, psm, spm
from tests.plugins.lory_scripted import Rule, ScriptedEngine
from trainer.tasks.memorisation import GIVEN, WRITTEN, draw_snippets, is_reproduced, snippet_starts
from trainer.tasks.subject import Subject

LENGTH = GIVEN + WRITTEN
FIRST_TEXT_ID = max(Sentinel) + 1


def row(*parts: list[int]) -> np.ndarray:
    ids = [token for part in parts for token in part]
    return np.array(ids + [int(Sentinel.PAD)] * (1024 - len(ids)), np.uint16)


def text(count: int) -> list[int]:
    return list(range(FIRST_TEXT_ID, FIRST_TEXT_ID + count))


def test_a_snippet_lies_in_one_text_and_never_in_a_path() -> None:
    packed = row(plain(text(LENGTH + 50), text(LENGTH + 2)), [Sentinel.END], plain((), text(40)))
    starts = list(snippet_starts(packed))
    begin = 2 + LENGTH + 50 + 1
    assert starts == [begin, begin + 1, begin + 2]
    assert packed[starts[0] - 1] == Sentinel.PREFIX


@pytest.mark.parametrize("layout", [psm, spm])
def test_prefix_and_suffix_of_an_infilling_segment_are_texts_apart(layout: object) -> None:
    ids = layout(text(5), text(LENGTH - 1), text(LENGTH))  # type: ignore[operator]
    (start,) = snippet_starts(row(ids))
    assert row(ids)[start - 1] == Sentinel.SUFFIX


def test_snippets_depend_on_the_seed_alone_and_come_one_from_a_row() -> None:
    rows = np.stack([row(plain((), [FIRST_TEXT_ID + n] * 400)) for n in range(6)])
    drawn = draw_snippets(rows, 4, seed=1)
    assert drawn == draw_snippets(rows, 4, seed=1) != draw_snippets(rows, 4, seed=2)
    assert len({snippet[0] for snippet in drawn}) == 4
    assert {len(snippet) for snippet in drawn} == {LENGTH}
    assert len(draw_snippets(rows, 100, seed=1)) == 6


@pytest.mark.parametrize(("change", "expected"), [("", True), ("x", False)])
def test_only_the_same_text_is_reproduced(
    small_tokenizer: Tokenizer, change: str, expected: bool
) -> None:
    code = "".join(f"zigzagged_quartz_flummoxed_{n}\n" for n in range(40))
    snippet = tuple(encode(small_tokenizer, code)[:LENGTH])
    given, rest = (decode(small_tokenizer, part) for part in (snippet[:GIVEN], snippet[GIVEN:]))
    engine = ScriptedEngine([Rule(given, change + rest)], small_tokenizer, None)
    assert is_reproduced(Subject(engine, small_tokenizer, budget_for(512)), snippet) is expected
