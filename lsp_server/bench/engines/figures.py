"""Computes speed, memory and agreement of the engines that were compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lsp_server.bench.engines.comparison import EngineRuns
from lsp_server.engines.prompt_cache import shared_tokens

REFERENCES = ("lory-fp32", "lory")
"""Whose tokens the others' are compared with: the first that was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFigures:
    """One engine on one number of threads."""

    name: str
    version: str
    threads: int
    prefill: float
    """Tokens of the prompt per second, until the first new token is known; median of all runs."""
    prefill_best: float
    decode: float
    """Milliseconds for each further token, mean of a run, median of all runs."""
    decode_best: float
    step_tokens: float
    """Tokens for each run of the model."""
    memory: int
    """Resident bytes of the process, its libraries included; 0 where unknown."""
    agreement: float
    """Mean share of the new tokens before the first that differs from the reference's."""


@dataclass(frozen=True, slots=True)
class Absent:
    """An engine without figures, and why."""

    name: str
    threads: int
    reason: str


def compute(rows: Sequence[EngineRuns], prompt_tokens: int) -> list[EngineFigures | Absent]:
    """Each row's figures, in order."""
    reference = find_reference(rows)
    return [figures_of(row, prompt_tokens, reference) for row in rows]


def find_reference(rows: Sequence[EngineRuns]) -> dict[int, Sequence[int]]:
    """Tokens after each prompt; empty where no reference was measured."""
    for name in REFERENCES:
        for row in rows:
            if row.name == name and row.written:
                return {number: runs[0].tokens for number, runs in row.written.items()}
    return {}


def figures_of(
    row: EngineRuns, prompt_tokens: int, reference: dict[int, Sequence[int]]
) -> EngineFigures | Absent:
    """One row's figures."""
    runs = [run for runs in row.written.values() for run in runs]
    if not runs or row.died:
        return Absent(row.name, row.threads, reason(row))
    firsts = [run.seconds[0] for run in runs]
    gaps = [(run.seconds[-1] - run.seconds[0]) / (len(run.seconds) - 1) for run in runs]
    shares = [
        shared_tokens(run.tokens, reference[number]) / len(run.tokens)
        for number, runs in row.written.items()
        for run in runs
        if number in reference
    ]
    return EngineFigures(
        name=row.name,
        version=row.hello.version,
        threads=row.threads,
        prefill=prompt_tokens / median(firsts),
        prefill_best=prompt_tokens / min(firsts),
        decode=1000 * median(gaps),
        decode_best=1000 * min(gaps),
        step_tokens=sum(len(run.tokens) for run in runs) / sum(run.steps for run in runs),
        memory=runs[-1].memory,
        agreement=sum(shares) / len(shares) if shares else 0.0,
    )


def reason(row: EngineRuns) -> str:
    """Why a row has no figures."""
    if row.hello.missing:
        return f"not installed ({row.hello.missing}): pip install 'lory-lsp[bench]'"
    return row.died or row.hello.failed or "wrote nothing"
