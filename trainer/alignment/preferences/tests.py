"""Preference source `tests`: samples that pass unit tests over ones that fail.

The problems have the columns of stage evaluate. Do not evaluate on a set that a reward has seen.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from lsp_server.contract.prompt import Parts
from trainer.alignment.preferences.material import Material
from trainer.alignment.preferences.pairs import Preference, PreferenceRow, Unused
from trainer.tasks.problems import Problem, load_problems
from trainer.tasks.sandbox import SandboxLimits, probe_isolation
from trainer.tasks.solving import (
    Sample,
    Sampling,
    Text,
    hole_writer,
    judge_texts,
    solution_writer,
    write_texts,
)

NAME = "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSource:
    """Its options."""

    problems: str
    """A JSONL(.gz) file in HumanEval's columns, with `suffix` for holes, or a hub dataset."""
    count: int = 0
    """Problems taken, in seeded order; 0 for all."""
    samples: int = 8
    """Of each problem."""
    pairs: int = 4
    """Of each problem at most."""
    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 256
    timeout_seconds: float = 5.0
    """Of one program in the sandbox."""
    programs: int = 2
    """Programs that run side by side."""

    def read(self, material: Material) -> Iterator[PreferenceRow]:
        """Pairs; SourceError without problems, SandboxError where programs cannot be held."""
        seed = material.config.seed
        problems = load_problems(self.problems, self.count, seed)
        isolation = probe_isolation()
        sampling = Sampling(
            samples=self.samples, temperature=self.temperature, top_p=self.top_p, seed=seed
        )
        samples: dict[str, list[Sample]] = defaultdict(list)
        limits = SandboxLimits(wall_seconds=self.timeout_seconds)
        for texts in (
            self._write(material, problems, sampling, holes=holes) for holes in (False, True)
        ):
            for sample in judge_texts(problems, texts, limits, isolation, self.programs):
                samples[sample.task_id].append(sample)
        for problem in problems:
            yield from self._compare(material, problem, samples[problem.task_id])

    def _write(
        self, material: Material, problems: Sequence[Problem], sampling: Sampling, *, holes: bool
    ) -> list[Text]:
        """Samples of the problems with a hole in their midst, or of those with one at their end."""
        chosen = [problem for problem in problems if bool(problem.suffix) is holes]
        subject, folder = material.subject, material.out / ("holes" if holes else "solutions")
        folder.mkdir(exist_ok=True)
        make = hole_writer if holes else solution_writer
        writer = make(subject.engine, subject.tokenizer, subject.budget, self.max_tokens)
        return write_texts(writer, chosen, sampling, folder)

    def _compare(
        self, material: Material, problem: Problem, samples: Sequence[Sample]
    ) -> Iterator[PreferenceRow]:
        """Different passing texts over different failing ones, as many as asked for."""
        passing = dict.fromkeys(sample.text for sample in samples if sample.passed)
        failing = dict.fromkeys(sample.text for sample in samples if not sample.passed)
        if not passing or not failing:
            yield Unused(NAME, "no sample passes" if not passing else "every sample passes")
        for chosen, rejected in islice(product(passing, failing), self.pairs):
            yield Preference(
                prompt=Parts(prefix=problem.prompt, suffix=problem.suffix),
                chosen=chosen,
                rejected=rejected,
                margin=1.0,
                source=NAME,
                group=problem.origin,
                heldout=material.is_heldout(problem.origin),
            )
