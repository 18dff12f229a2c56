"""Measures the exported model on held-out code."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

from lsp_server.contract.bundles.manifest import Measurement
from lsp_server.contract.prompt import decode
from trainer.corpus.blocks.block_file import open_rows, read_report
from trainer.corpus.document import read_canonical
from trainer.errors import CorpusError
from trainer.evaluation.config import EvaluateConfig
from trainer.evaluation.resumable import write_samples
from trainer.export.artifacts import Graph, open_subject
from trainer.runtime.progress import watch
from trainer.runtime.run_folder import Inputs
from trainer.tasks.cursors import Cursor, sample_cursors
from trainer.tasks.intervals import Figure, mean_figure, ratio_figure, share_figure
from trainer.tasks.line_completion import match_line
from trainer.tasks.memorisation import GIVEN, WRITTEN, draw_snippets, is_reproduced

FEWEST_REPOSITORIES = 8
"""Fewer say nothing reliable about how repositories differ: intervals are then drawn over files."""


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
    from trainer.model.heldout import bits_per_byte, read_heldout, sum_nats
    from trainer.model.networks import load
    from trainer.model.objective import Objective

    report = read_report(packing)
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
    cursors = sample_cursors(read_canonical(heldout), config.cursors, config.seed)
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


def measure_memory(
    config: EvaluateConfig, graph: Graph, inputs: Inputs, folder: Path
) -> list[Measurement]:
    """Share of snippets that it writes again by heart: of what it was trained on, and held out.

    Raises CorpusError where the run trained on nothing, or there are no texts of that length.
    """
    block_tokens = read_report(inputs["packing"])["block_tokens"]
    training = json.loads((inputs["pretrain"] / "training.json").read_text())
    seen = (training["tokens"] + training.get("seen_tokens", 0)) // block_tokens
    rows = {
        "training": open_rows(inputs["packing"] / "epoch-000.u16", block_tokens)[:seen],
        "heldout": open_rows(inputs["packing"] / "heldout.u16", block_tokens),
    }
    subject = open_subject(graph, config.threads)
    found, samples = [], []
    for kind, some in rows.items():
        snippets = draw_snippets(some, config.snippets, config.seed)
        if not snippets:
            raise CorpusError(
                f"evaluate.snippets: expected {kind} text of {GIVEN + WRITTEN} tokens, found none; "
                "set it to 0, or train on longer documents"
            )
        shown = watch(snippets, f"memorised {kind}", len(snippets))
        same = [is_reproduced(subject, snippet) for snippet in shown]
        figure = share_figure(same, range(len(same)))
        note = f"{graph}; {GIVEN} tokens given, the {WRITTEN} after them written to the letter"
        found.append(percent(f"memorised/{kind}", figure, note))
        texts = [decode(subject.tokenizer, snippet) for snippet in snippets]
        samples += [{"kind": kind, "text": t, "same": s} for t, s in zip(texts, same, strict=True)]
    write_samples(folder, samples)
    return found
