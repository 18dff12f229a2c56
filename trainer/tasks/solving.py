"""Lets an engine solve problems, and runs the tests on its answers.

Texts are appended to a file as they are written, so that a killed run goes on where it was.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event

from tokenizers import Tokenizer

from lsp_server.contract.prompt import Budget, Prompt, build, left_to_right
from lsp_server.contract.records import write_whole
from lsp_server.contract.stopping import ONE_LINE, StopRule, rule_for
from lsp_server.engines import Engine, Limits
from trainer.runtime.progress import watch
from trainer.tasks.problems import Task, end_of_solution, seeded_number
from trainer.tasks.sandbox import Isolation, SandboxLimits, run_programs
from trainer.tasks.sandbox_verdict import Verdict

TEXTS = "texts.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How solutions are drawn."""

    samples: int
    temperature: float
    top_p: float
    seed: int


@dataclass(frozen=True, slots=True)
class Text:
    """One solution as the engine wrote it."""

    task_id: str
    sample: int
    text: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One solution and how its program ended."""

    task_id: str
    sample: int
    text: str
    verdict: str
    detail: str

    @property
    def passed(self) -> bool:
        """Whether its program ran through all tests."""
        return self.verdict == Verdict.PASSED


@dataclass(frozen=True, slots=True)
class Writer:
    """An engine with the prompt and stop rule of one kind of problem."""

    engine: Engine
    to_prompt: Callable[[Task], Prompt]
    to_stop: Callable[[Task], StopRule]
    max_tokens: int


def hole_writer(engine: Engine, tokenizer: Tokenizer, budget: Budget, tokens: int) -> Writer:
    """Fills holes with the served prompt; a hole is given at most a quarter of the context."""
    room = replace(budget, path=0, completion=min(tokens, budget.context // 4))

    def to_prompt(problem: Task) -> Prompt:
        return build(tokenizer, "", problem.prompt, problem.suffix, room)

    return Writer(engine, to_prompt, end_of_hole, room.completion)


def end_of_hole(problem: Task) -> StopRule:
    """The end of the hole's line where it lies in one; else only the end token ends it."""
    return rule_for(ONE_LINE) if problem.in_line else lambda _text: None


def solution_writer(engine: Engine, tokenizer: Tokenizer, budget: Budget, tokens: int) -> Writer:
    """Goes on left to right from the problem's text, for at most half the context."""
    room = replace(budget, path=0, suffix=0, completion=min(tokens, budget.context // 2))

    def to_prompt(problem: Task) -> Prompt:
        return left_to_right(tokenizer, "", problem.prompt, room)

    return Writer(engine, to_prompt, lambda _problem: end_of_solution, room.completion)


def write_texts(
    writer: Writer, problems: Sequence[Task], sampling: Sampling, folder: Path
) -> list[Text]:
    """Every sample of every problem; those that `folder` has already are not written again."""
    path = folder / TEXTS
    written = {(text.task_id, text.sample): text for text in read_texts(path)}
    write_whole(path, "".join(json.dumps(asdict(text)) + "\n" for text in written.values()))
    with path.open("a", encoding="utf-8") as file:
        for problem in watch(problems, f"writing {folder.name}", len(problems)):
            for sample in range(sampling.samples):
                if (problem.task_id, sample) not in written:
                    text = write_text(writer, problem, sampling, sample)
                    written[problem.task_id, sample] = text
                    file.write(json.dumps(asdict(text)) + "\n")
            file.flush()
    return list(written.values())


def write_text(writer: Writer, problem: Task, sampling: Sampling, sample: int) -> Text:
    """One sample; its seed comes from the run's, the problem and the sample's number."""
    limits = Limits(
        max_tokens=writer.max_tokens,
        stop=writer.to_stop(problem),
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        seed=seeded_number(sampling.seed, problem.task_id, sample),
    )
    candidates = writer.engine.complete(writer.to_prompt(problem), limits, Event())
    return Text(problem.task_id, sample, candidates[0].text if candidates else "")


def read_texts(path: Path) -> Iterator[Text]:
    """Texts of an interrupted run; a last line that was cut off is left out."""
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                yield Text(**json.loads(line))


def judge_texts(
    problems: Sequence[Task],
    texts: Sequence[Text],
    limits: SandboxLimits,
    isolation: Isolation,
    workers: int,
) -> list[Sample]:
    """Each text with its program's end; equal programs are run once."""
    by_id = {problem.task_id: problem for problem in problems}
    programs = [by_id[text.task_id].program(text.text) for text in texts]
    distinct = list(dict.fromkeys(programs))
    outcomes = run_programs(distinct, limits, isolation, workers)
    ends = dict(zip(distinct, watch(outcomes, "running programs", len(distinct)), strict=True))
    return [
        Sample(text.task_id, text.sample, text.text, ends[program].verdict, ends[program].detail)
        for text, program in zip(texts, programs, strict=True)
    ]
