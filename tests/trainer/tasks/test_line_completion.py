"""Line completion measured with a real tokenizer and an engine whose answers are known."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import budget_for
from tests.plugins.lory_scripted import Rule, ScriptedEngine
from trainer.tasks.cursors import Cursor
from trainer.tasks.line_completion import compare, match_line

BUDGET = budget_for(256)


def cursor(prefix: str, truth: str, suffix: str) -> Cursor:
    return Cursor("m.py", prefix, truth, suffix, "repo")


def test_only_white_space_at_the_end_is_forgiven() -> None:
    assert compare("value + 1", "value + 1  ").exact
    assert compare("value + 1\t", "value + 1").exact
    assert not compare(" value + 1", "value + 1").exact


@pytest.mark.parametrize(
    ("text", "truth", "similarity"),
    [("abcd", "abcd", 1.0), ("", "abcd", 0.0), ("abxd", "abcd", 0.75), ("ab", "abcd", 2 / 3)],
)
def test_similarity_is_the_levenshtein_ratio(text: str, truth: str, similarity: float) -> None:
    # fuzz.ratio counts a replacement as two edits: 1 - edits / (both lengths)
    assert compare(text, truth).similarity == pytest.approx(similarity)


def test_a_completion_is_read_up_to_the_end_of_its_line(small_tokenizer: Tokenizer) -> None:
    engine = ScriptedEngine([Rule("retu", "rn value\nx = 2\n")], small_tokenizer, None)
    place = cursor("def f():\n    retu", "rn value", "\n")
    match = match_line(engine, small_tokenizer, place, with_suffix=True, budget=BUDGET)
    assert match == compare("rn value", "rn value")


def test_no_candidate_is_a_miss_and_not_an_error(small_tokenizer: Tokenizer) -> None:
    engine = ScriptedEngine([], small_tokenizer, None)
    place = cursor("x = ", "12345", "\n")
    match = match_line(engine, small_tokenizer, place, with_suffix=False, budget=BUDGET)
    assert (match.exact, match.similarity) == (False, 0.0)


@pytest.mark.parametrize("with_suffix", [True, False])
def test_the_engine_sees_the_suffix_only_where_asked(
    small_tokenizer: Tokenizer, tmp_path: Path, with_suffix: bool
) -> None:
    log = tmp_path / "log.jsonl"
    engine = ScriptedEngine([Rule("", "x")], small_tokenizer, log)
    place = cursor("a = 1\nb", " = 2", "\nc = 3\n")
    match_line(engine, small_tokenizer, place, with_suffix=with_suffix, budget=BUDGET)
    (request,) = map(json.loads, log.read_text().splitlines())
    assert request["prefix"] == place.prefix
    assert request["suffix"] == (place.suffix if with_suffix else "")
    assert request["path"] == place.path
