"""Where rollouts start: cursors of real files, holes of problems, and openings of texts."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from lsp_server.contract.prompt import Budget, Sentinel, decode, encode, load_tokenizer
from lsp_server.engines import StopReason
from trainer.alignment.config import PpoConfig
from trainer.alignment.ppo.prompts import (
    PromptsWanted,
    RolloutPrompt,
    cursor_prompt,
    cursor_prompts,
    deal,
    opening_prompts,
    problem_prompts,
    repeat,
)
from trainer.alignment.ppo.stage import stop_rule
from trainer.alignment.rewards.rules import PassesTests
from trainer.corpus.document import Document, DocumentWriter, document_id
from trainer.errors import CorpusError
from trainer.runtime.bundles import copy_tokenizer
from trainer.tasks.cursors import Cursor

BUDGET = Budget(context=160, completion=32, path=16, suffix=32)


def wanted(**given: int) -> PromptsWanted:
    usual = {"count": 60, "longest_document": 200_000, "documents": 10, "seed": 0}
    return PromptsWanted(**{**usual, **given})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_corpus: list[str]) -> Path:
    out = tmp_path_factory.mktemp("documents")
    with DocumentWriter(out) as writer:
        for number, text in enumerate(small_corpus):
            repo = f"r{number}"
            writer.write(Document(document_id(text), "t", repo, f"a{number}.py", "", "psf", text))
    return out


def test_a_cursors_texts_are_its_file_and_its_prompt_ends_where_the_truth_begins(
    folder: Path, small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    prompts = cursor_prompts(folder, small_tokenizer, BUDGET, wanted())

    assert prompts
    for prompt in prompts:
        assert prompt.prefix + prompt.truth + prompt.suffix in small_corpus
        assert prompt.ids[0] == Sentinel.FILE
        after = prompt.ids[prompt.ids.index(Sentinel.PREFIX) + 1 :]
        assert prompt.prefix.endswith(decode(small_tokenizer, after))
        assert len(prompt.ids) <= BUDGET.context - BUDGET.completion


def test_a_truths_tokens_end_with_the_one_that_ends_its_line(
    folder: Path, small_tokenizer: Tokenizer
) -> None:
    for prompt in cursor_prompts(folder, small_tokenizer, BUDGET, wanted()):
        assert decode(small_tokenizer, prompt.truth_ids[:-1]) == prompt.truth
        last = decode(small_tokenizer, prompt.truth_ids[-1:])
        assert prompt.truth_ids[-1] == Sentinel.END or last.startswith("\n")


@pytest.mark.parametrize("before", ["def f(a):\n    ", "def f(a):\n    re", "x = "])
def test_a_truth_is_what_its_stop_rule_keeps_of_the_text(tmp_path: Path, before: str) -> None:
    copy_tokenizer("default", tmp_path / "tokenizer.json")
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    cursor = Cursor("a.py", before, "return a", "\nx = 1\n", "r")

    prompt = cursor_prompt(tokenizer, cursor, BUDGET)

    assert prompt.prefix + prompt.lead == before
    assert prompt.lead.startswith("\n") == before.endswith("\n    "), (
        "the indentation is left to it"
    )
    assert stop_rule(PpoConfig(), prompt)(prompt.truth + prompt.suffix) == len(prompt.truth)


def test_long_documents_are_left_out_and_none_at_all_is_an_error(
    folder: Path, small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    shortest = min(map(len, small_corpus))
    prompts = cursor_prompts(folder, small_tokenizer, BUDGET, wanted(longest_document=shortest))
    assert {len(s.prefix + s.truth + s.suffix) for s in prompts} == {shortest}

    with pytest.raises(CorpusError, match=r"at most 10 characters .* raise ppo.longest_document"):
        cursor_prompts(folder, small_tokenizer, BUDGET, wanted(longest_document=10))


def test_an_opening_is_the_beginning_of_its_text(
    folder: Path, small_tokenizer: Tokenizer, small_corpus: list[str]
) -> None:
    prompts = opening_prompts(folder, small_tokenizer, (3, 6), wanted())

    assert len(prompts) == len(small_corpus)
    for prompt in prompts:
        assert any(text.startswith(prompt.prefix) for text in small_corpus)
        assert 3 <= len(encode(small_tokenizer, prompt.prefix)) <= 6
        assert (prompt.truth, prompt.suffix) == ("", "")


def test_rounds_deal_out_every_start_before_one_comes_again() -> None:
    prompts = [RolloutPrompt((number,), "", "", "", "", "") for number in range(5)]

    dealt = [prompt.ids[0] for number in range(3) for prompt in deal(prompts, number, 2)]

    assert dealt == [0, 1, 2, 3, 4, 0]
    assert [prompt.ids[0] for prompt in repeat(prompts[:2], 2)] == [0, 0, 1, 1]


def test_a_completion_stands_in_its_file() -> None:
    prompt = RolloutPrompt((1,), "a.py", "x = ", "1", "\ny", "r")

    found = prompt.completed("2", StopReason.RULE)

    assert (found.prefix, found.text, found.suffix, found.truth) == ("x = ", "2", "\ny", "1")


def test_a_problems_completions_carry_its_tests(problems: str, small_tokenizer: Tokenizer) -> None:
    prompts = problem_prompts([problems], small_tokenizer, BUDGET, wanted(), heldout=False)
    hole = next(prompt for prompt in prompts if prompt.suffix)
    texts = ["    total = a + b\n", "    total = a - b\n"]
    completions = [
        hole.completed(hole.lead + text.removeprefix(hole.lead), StopReason.END) for text in texts
    ]
    assert PassesTests(timeout_seconds=20).score_all(completions) == [1.0, 0.0]


def test_held_out_problems_share_no_program_with_the_others(
    problems: str, small_tokenizer: Tokenizer
) -> None:
    both = [
        problem_prompts([problems], small_tokenizer, BUDGET, wanted(), heldout=heldout)
        for heldout in (False, True)
    ]
    programs = [{prompt.repo for prompt in prompts} for prompts in both]
    assert (len(programs[0]), len(programs[1])) == (10, 2)
    assert len(programs[0] | programs[1]) == 12
    assert sum(map(len, both)) == 24


def test_a_solution_ends_before_the_next_function_and_a_hole_at_its_end_token_alone(
    problems: str, small_tokenizer: Tokenizer
) -> None:
    config = PpoConfig(prompt_source="problems", problems=[problems])
    prompts = problem_prompts([problems], small_tokenizer, BUDGET, wanted(), heldout=False)
    text = "    return 3\n\ndef more():\n"
    ends = {bool(prompt.suffix): stop_rule(config, prompt)(text) for prompt in prompts}
    assert ends == {True: None, False: text.index("\ndef")}


def test_too_few_problems_to_hold_any_out_are_refused(
    tmp_path: Path, problems: str, small_tokenizer: Tokenizer
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(Path(problems).read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(CorpusError, match="few.*: expected problems of 2 programs or more"):
        problem_prompts([str(few)], small_tokenizer, BUDGET, wanted(), heldout=True)
