"""Measures the exported model by running the programs that it writes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lsp_server.contract.bundles.manifest import Measurement
from trainer.evaluation.config import EvaluateConfig
from trainer.evaluation.heldout_measures import percent
from trainer.evaluation.resumable import write_samples
from trainer.export.artifacts import Graph, open_subject
from trainer.tasks.intervals import mean_figure, pass_at_k, share_figure
from trainer.tasks.problems import Task, load_problems
from trainer.tasks.safim import load_safim
from trainer.tasks.sandbox import Isolation, SandboxLimits, probe_isolation
from trainer.tasks.solving import (
    Sample,
    Sampling,
    Writer,
    hole_writer,
    judge_texts,
    solution_writer,
    write_texts,
)

PASS_AT = (1, 10, 100)
"""The k of HumanEval's pass@k."""

GREEDY = Sampling(samples=1, temperature=0.0, top_p=1.0, seed=0)


def measure_infilling(
    config: EvaluateConfig, graph: Graph, file: str, folder: Path
) -> list[Measurement]:
    """Share of holes whose greedy text passes the tests, served prompt and shipped graph."""
    problems = load_problems(file, config.problems, config.seed)
    samples, isolation = fill_holes(config, graph, problems, folder)
    origins = {problem.task_id: problem.origin for problem in problems}
    figure = share_figure(
        [sample.passed for sample in samples], [origins[sample.task_id] for sample in samples]
    )
    note = f"{graph}; greedy, holes in {len(set(origins.values()))} programs, {isolation}"
    return [percent(f"infilling_pass@1/{folder.name.removeprefix('infilling-')}", figure, note)]


def measure_safim(
    config: EvaluateConfig, graph: Graph, file: str, folder: Path
) -> list[Measurement]:
    """Share of SAFIM's holes whose greedy text is right, served prompt and shipped graph.

    Nothing of the problem's description is given, and the text is cut where the editor would cut
    it: at its line's end if code stands before the hole, else at the end token.
    """
    problems = load_safim(file, config.problems, config.seed)
    samples, isolation = fill_holes(config, graph, problems, folder)
    beginnings = {problem.task_id: problem.prompt[:40] for problem in problems}
    programs = [beginnings[sample.task_id] for sample in samples]
    figure = share_figure([sample.passed for sample in samples], programs)
    ran = any(problem.tests for problem in problems)
    judged = f"its tests, {isolation}" if ran else "the truth's text"
    note = f"{graph}; greedy, judged by {judged}"
    return [percent(f"safim_pass@1/{folder.name.removeprefix('safim-')}", figure, note)]


def fill_holes(
    config: EvaluateConfig, graph: Graph, problems: Sequence[Task], folder: Path
) -> tuple[list[Sample], Isolation]:
    """Every hole's greedy text by the served prompt, judged, and what held the programs."""
    isolation = probe_isolation()
    subject = open_subject(graph, config.threads)
    writer = hole_writer(subject.engine, subject.tokenizer, subject.budget, config.solution_tokens)
    return solve(config, isolation, writer, problems, GREEDY, folder), isolation


def measure_humaneval(config: EvaluateConfig, graph: Graph, folder: Path) -> list[Measurement]:
    """pass@k for each k up to the samples, left to right; intervals are drawn over problems."""
    problems = load_problems(config.humaneval, config.problems, config.seed)
    isolation = probe_isolation()
    subject = open_subject(graph, config.threads)
    writer = solution_writer(
        subject.engine, subject.tokenizer, subject.budget, config.solution_tokens
    )
    sampling = Sampling(
        samples=config.samples,
        temperature=config.temperature,
        top_p=config.top_p,
        seed=config.seed,
    )
    samples = solve(config, isolation, writer, problems, sampling, folder)
    passed = Counter(sample.task_id for sample in samples if sample.passed)
    ids = [problem.task_id for problem in problems]
    note = (
        f"{graph}; {config.samples} samples a problem at temperature {config.temperature:g}, "
        f"top_p {config.top_p:g}, {isolation}"
    )
    rows = []
    for k in (k for k in PASS_AT if k <= config.samples):
        shares = [pass_at_k(config.samples, passed[task_id], k) for task_id in ids]
        rows.append(percent(f"humaneval_pass@{k}", mean_figure(shares, ids, config.seed), note))
    return rows


def solve(
    config: EvaluateConfig,
    isolation: Isolation,
    writer: Writer,
    problems: Sequence[Task],
    sampling: Sampling,
    folder: Path,
) -> list[Sample]:
    """Write all samples, run their programs, keep both in the part's samples."""
    texts = write_texts(writer, problems, sampling, folder)
    limits = SandboxLimits(wall_seconds=config.timeout_seconds)
    samples = judge_texts(problems, texts, limits, isolation, config.programs)
    write_samples(folder, [asdict(sample) for sample in samples])
    return samples
