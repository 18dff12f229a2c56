"""The measurements of `evaluate`: takes settings and a model, gives the rows of one part each."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from lsp_server.manifest import Measurement
from trainer.config import EvaluateConfig
from trainer.cursors import Cursor, sample_cursors
from trainer.document import read_documents
from trainer.errors import CorpusError
from trainer.exported import Graph, open_subject
from trainer.intervals import Figure, mean_figure, pass_at_k, ratio_figure, share_figure
from trainer.line_match import match_line
from trainer.parts import write_samples
from trainer.problems import Problem, load_problems
from trainer.progress import watch
from trainer.sandbox import Isolation, SandboxLimits, probe_isolation
from trainer.solving import (
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

FEWEST_REPOSITORIES = 8
"""Fewer say nothing reliable about how repositories differ: intervals are then drawn over files."""

GREEDY = Sampling(samples=1, temperature=0.0, top_p=1.0, seed=0)


def percent(metric: str, figure: Figure, note: str) -> Measurement:
    """A row for a share."""
    value, low, high = (round(100 * x, 3) for x in (figure.value, figure.low, figure.high))
    return Measurement(
        metric=metric, value=value, low=low, high=high, n=figure.n, unit="%", note=note
    )


def measure_bits(
    config: EvaluateConfig, model: Path, packing: Path, folder: Path
) -> list[Measurement]:
    """Bits per byte of all held-out blocks; the interval is drawn over blocks."""
    from trainer.heldout import bits_per_byte, read_heldout, sum_nats
    from trainer.model import load
    from trainer.objective import Objective

    report = json.loads((packing / "packing.json").read_text())
    heldout = read_heldout(packing, report["block_tokens"], report["heldout"]["rows"])
    objective = Objective(load(model))
    nats = [
        sum_nats(objective, heldout.rows[row : row + 1], 1, nullcontext)
        for row in watch(range(len(heldout.rows)), "bits per byte", len(heldout.rows))
    ]
    text_bytes = heldout.text_bytes.tolist()
    bits = [bits_per_byte(nat, 1) for nat in nats]
    figure = ratio_figure(bits, text_bytes, range(len(bits)), config.seed)
    return [
        Measurement(
            metric="bits_per_byte",
            value=round(figure.value, 4),
            low=round(figure.low, 4),
            high=round(figure.high, 4),
            n=figure.n,
            unit="bits",
            note=f"{sum(text_bytes)} bytes of held-out repositories, PyTorch fp32",
        )
    ]


def measure_lines(
    config: EvaluateConfig, graph: Graph, heldout: Path, with_suffix: bool, folder: Path
) -> list[Measurement]:
    """Exact match and similarity of the rest of the line at cursors in held-out repositories."""
    cursors = sample_cursors(read_documents(heldout), config.cursors, config.seed)
    if not cursors:
        raise CorpusError(
            f"expected held-out documents with code in {heldout}, found none; widen the sources, "
            "or raise dedup.heldout_share"
        )
    subject = open_subject(graph, config.threads)
    matches = [
        match_line(
            subject.engine,
            subject.tokenizer,
            cursor,
            with_suffix=with_suffix,
            budget=subject.budget,
        )
        for cursor in watch(cursors, folder.name, len(cursors))
    ]
    places = [
        {"repo": cursor.repo, "path": cursor.path, "truth": cursor.truth} for cursor in cursors
    ]
    samples = zip(places, map(asdict, matches), strict=True)
    write_samples(folder, [place | match for place, match in samples])
    groups, unit = group_cursors(cursors)
    exact = share_figure([match.exact for match in matches], groups)
    similarity = mean_figure([match.similarity for match in matches], groups, config.seed)
    kind = "suffix" if with_suffix else "left_to_right"
    note = f"{graph}; rest of the line, greedy, held-out; interval over {len(set(groups))} {unit}"
    return [
        percent(f"line_exact_match/{kind}/{graph.precision}", exact, note),
        percent(f"line_similarity/{kind}/{graph.precision}", similarity, note),
    ]


def group_cursors(cursors: Sequence[Cursor]) -> tuple[list[str], str]:
    """What each cursor's interval is drawn over, and its name: repositories, or files if few."""
    repositories = [cursor.repo for cursor in cursors]
    if len(set(repositories)) >= FEWEST_REPOSITORIES:
        return repositories, "repositories"
    return [f"{cursor.repo}/{cursor.path}" for cursor in cursors], "files"


def measure_infilling(
    config: EvaluateConfig, graph: Graph, file: str, folder: Path
) -> list[Measurement]:
    """Share of holes whose greedy text passes the tests, served prompt and shipped graph."""
    problems = load_problems(file, config.problems, config.seed)
    isolation = probe_isolation()
    subject = open_subject(graph, config.threads)
    writer = hole_writer(subject.engine, subject.tokenizer, subject.budget, config.solution_tokens)
    samples = solve(config, isolation, writer, problems, GREEDY, folder)
    origins = {problem.task_id: problem.origin for problem in problems}
    figure = share_figure(
        [sample.passed for sample in samples], [origins[sample.task_id] for sample in samples]
    )
    note = f"{graph}; greedy, holes in {len(set(origins.values()))} programs, {isolation}"
    return [percent(f"infilling_pass@1/{folder.name.removeprefix('infilling-')}", figure, note)]


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
    problems: Sequence[Problem],
    sampling: Sampling,
    folder: Path,
) -> list[Sample]:
    """Write all samples, run their programs, keep both in the part's samples."""
    texts = write_texts(writer, problems, sampling, folder)
    limits = SandboxLimits(wall_seconds=config.timeout_seconds)
    samples = judge_texts(problems, texts, limits, isolation, config.programs)
    write_samples(folder, [asdict(sample) for sample in samples])
    return samples
