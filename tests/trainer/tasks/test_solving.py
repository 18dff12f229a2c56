"""Solving problems: prompts, sampling, going on after a kill, and verdicts, with known answers."""

import json
import time
from pathlib import Path

from tokenizers import Tokenizer

from lsp_server.contract.prompt import Budget, Sentinel, budget_for, decode
from tests.plugins.lory_scripted import Rule, ScriptedEngine
from trainer.tasks.problems import Problem
from trainer.tasks.sandbox import SandboxLimits, probe_isolation
from trainer.tasks.solving import (
    TEXTS,
    Sampling,
    Text,
    hole_writer,
    judge_texts,
    read_texts,
    solution_writer,
    write_texts,
)

BUDGET = budget_for(256)
TWICE = Sampling(samples=2, temperature=0.5, top_p=0.9, seed=0)
TEST = "def check(candidate):\n    assert candidate(1, 2) == 3\n"
ADD = Problem("HumanEval/0", "def add(a, b):\n    return", "", TEST, "add")
HOLE = Problem("Hole/HumanEval/1/L0", "def plus(a, b):\n", "    return total\n", TEST, "plus")
RULES = [
    Rule("    return", " a + b\n\ndef more():\n    pass\n"),
    Rule("def plus(a, b):\n", "    total = a + b\n"),
]


def engine(tokenizer: Tokenizer, log: Path | None = None) -> ScriptedEngine:
    return ScriptedEngine(RULES, tokenizer, log)


def test_a_solution_stops_at_the_next_function_and_passes(
    small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    writer = solution_writer(engine(small_tokenizer), small_tokenizer, BUDGET, 64)
    texts = write_texts(writer, [ADD], TWICE, tmp_path)
    assert texts == [Text("HumanEval/0", n, " a + b\n") for n in (0, 1)]
    samples = judge_texts(
        [ADD], texts, SandboxLimits(wall_seconds=20), probe_isolation(), workers=1
    )
    assert [sample.passed for sample in samples] == [True, True]


def test_a_hole_is_filled_between_prefix_and_suffix(
    small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    writer = hole_writer(engine(small_tokenizer, log), small_tokenizer, BUDGET, 64)
    texts = write_texts(writer, [HOLE], TWICE, tmp_path)
    request = json.loads(log.read_text().splitlines()[0])
    assert request == {"path": "", "prefix": HOLE.prompt, "suffix": HOLE.suffix}
    wrong = Text(HOLE.task_id, 2, "    total = a - b\n")
    samples = judge_texts(
        [HOLE], [*texts, wrong], SandboxLimits(wall_seconds=20), probe_isolation(), workers=2
    )
    assert [sample.verdict for sample in samples] == ["passed", "passed", "failed"]
    assert samples[2].detail == "AssertionError"


def test_a_solutions_prompt_is_plain_and_leaves_room(small_tokenizer: Tokenizer) -> None:
    long = Problem("a", "# " + "word " * 400 + "\ndef f(x):\n    ret", "", "", "f")
    budget = Budget(context=128, completion=16, path=4, suffix=32)
    writer = solution_writer(engine(small_tokenizer), small_tokenizer, budget, 500)
    prompt = writer.to_prompt(long)
    assert writer.max_tokens == 64
    assert len(prompt.ids) + writer.max_tokens <= 128
    assert prompt.ids[:2] == (Sentinel.FILE, Sentinel.PREFIX)
    assert not {Sentinel.SUFFIX, Sentinel.MIDDLE} & set(prompt.ids)
    assert long.prompt.endswith(decode(small_tokenizer, prompt.ids) + prompt.heal)


def test_a_killed_run_goes_on_after_its_last_whole_line(
    small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    kept = {"task_id": "HumanEval/0", "sample": 0, "text": "kept\u2028"}
    (tmp_path / TEXTS).write_text(json.dumps(kept) + '\n{"task_id": "HumanEval/0", "sam')
    log = tmp_path / "log.jsonl"
    writer = solution_writer(engine(small_tokenizer, log), small_tokenizer, BUDGET, 64)
    texts = write_texts(writer, [ADD], TWICE, tmp_path)
    assert [text.text for text in texts] == ["kept\u2028", " a + b\n"]
    assert len(log.read_text().splitlines()) == 1
    assert list(read_texts(tmp_path / TEXTS)) == texts


def test_equal_programs_run_once(small_tokenizer: Tokenizer, tmp_path: Path) -> None:
    slow = Problem("slow", "import time\n", "time.sleep(1)\n", "def check(f): pass", "print")
    texts = [Text("slow", number, "x = 1\n") for number in range(40)]
    limits = SandboxLimits(wall_seconds=20)
    isolation = probe_isolation()
    started = time.monotonic()
    samples = judge_texts([slow], texts, limits, isolation, workers=1)
    assert time.monotonic() - started < 20
    assert [sample.sample for sample in samples if sample.passed] == list(range(40))
