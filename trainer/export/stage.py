"""Stage `export`: writes ONNX graphs, and proves that they equal the trained model.

model.fp32.onnx     the oracle: float32 throughout
model.int8.onnx     what is served; one file for each precision of the settings
parity.json         the gate's figures
facts.json          architecture, parameters, context, vocabulary
tokenizer.json      as the model was trained with
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lsp_server.contract.prompt import budget_for, build, load_tokenizer
from lsp_server.contract.records import write_record
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.onnx import open_engine
from trainer.corpus.document import read_canonical
from trainer.errors import CorpusError, ExportError
from trainer.export.config import ExportConfig
from trainer.export.parity import (
    LARGEST_DEVIATION,
    GreedyParity,
    QuantizedParity,
    compare_greedy,
    compare_quantized,
)
from trainer.runtime.progress import watch
from trainer.tasks.cursors import Cursor, sample_cursors
from trainer.tasks.line_completion import LineMatch, match_line

if TYPE_CHECKING:
    from trainer.export.graph.builder import Precision

ORACLE: Final = "fp32"
THREADS = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the bundle's manifest says of the network."""

    architecture: str
    parameters: int
    """Those of the tied head counted once."""
    context: int
    vocabulary: int


@dataclass(frozen=True, slots=True)
class Gate:
    """What both parts of the gate work on."""

    config: ExportConfig
    folder: Path
    """Where the graphs are."""
    context: int
    cursors: list[Cursor]


def run(config: ExportConfig, inputs: Mapping[str, Path], out: Path) -> None:
    """Write the graphs and prove them.

    Raises ExportError where the model has no exporter, a graph fails the gate or there are fewer
    held-out places than prompts to prove it on, CorpusError where there is none.
    """
    from trainer.model.networks import load, newest_weights

    trained = newest_weights(inputs)
    shutil.copyfile(trained / "tokenizer.json", out / "tokenizer.json")
    cursors = draw_cursors(config, inputs["dedup"] / "heldout")
    model = load(trained).float().eval()
    write_graphs(model, [ORACLE, *config.precisions], out)
    facts = read_facts(model)
    write_record(out / "facts.json", asdict(facts))
    gate = Gate(config, out, facts.context, cursors)
    greedy = prove_oracle(gate, model)
    quantized = prove_quantized(gate)
    proven = {precision: asdict(figure) for precision, figure in quantized.items()}
    write_record(out / "parity.json", {ORACLE: asdict(greedy), **proven})
    check_gate(config, greedy, quantized)


def write_graphs(model: Any, precisions: Sequence["Precision"], out: Path) -> None:
    """One ONNX file for each precision."""
    import onnx

    from trainer.export.graph.decoders import build_decoder

    for precision in precisions:
        onnx.save(build_decoder(model, precision), graph_path(out, precision))


def graph_path(out: Path, precision: str) -> Path:
    """File of one graph."""
    return out / f"model.{precision}.onnx"


def read_facts(model: Any) -> ModelFacts:
    """What the manifest says of a transformers model."""
    config = model.config
    return ModelFacts(
        architecture=config.model_type,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        context=config.max_position_embeddings,
        vocabulary=config.vocab_size,
    )


def draw_cursors(config: ExportConfig, heldout: Path) -> list[Cursor]:
    """Seeded cursors for both parts of the gate.

    Raises CorpusError where held-out text has none, ExportError where there are too few prompts.
    """
    count = max(config.parity_prompts, config.exact_match_cursors)
    cursors = sample_cursors(read_canonical(heldout), count, config.seed)
    if not cursors:
        raise CorpusError(
            f"expected held-out lines of code in {heldout}, found none; "
            "hold out more repositories with dedup.heldout_share"
        )
    if len(cursors) < config.parity_prompts:
        raise ExportError(
            f"expected {config.parity_prompts} places for prompts in {heldout}, found "
            f"{len(cursors)}; hold out more repositories with dedup.heldout_share, or lower "
            "export.parity_prompts"
        )
    return cursors


def prove_oracle(gate: Gate, model: Any) -> GreedyParity:
    """PyTorch beside the fp32 graph, greedy from served prompts."""
    config = gate.config
    tokenizer = load_tokenizer(gate.folder / "tokenizer.json")
    steps = min(config.parity_steps, gate.context // 2)
    budget = replace(budget_for(gate.context), completion=steps)
    prompts = [
        build(tokenizer, cursor.path, cursor.prefix, cursor.suffix, budget).ids
        for cursor in gate.cursors[: config.parity_prompts]
    ]
    session = open_session(graph_path(gate.folder, ORACLE), THREADS)
    return compare_greedy(model, OnnxDecoder(session), prompts, steps)


def prove_quantized(gate: Gate) -> dict[str, QuantizedParity]:
    """Each quantized graph beside the fp32 one, at line completion."""
    precisions = gate.config.precisions
    reference = complete_lines(gate, ORACLE) if precisions else []
    cursors = gate.cursors[: gate.config.exact_match_cursors]
    documents = [(cursor.repo, cursor.path) for cursor in cursors]
    return {
        precision: compare_quantized(reference, complete_lines(gate, precision), documents)
        for precision in precisions
    }


def complete_lines(gate: Gate, precision: str) -> list[LineMatch]:
    """What one graph writes at the cursors, with their suffixes, as it is served."""
    tokenizer = load_tokenizer(gate.folder / "tokenizer.json")
    engine = open_engine(graph_path(gate.folder, precision), tokenizer, THREADS)
    budget = budget_for(gate.context)
    cursors = gate.cursors[: gate.config.exact_match_cursors]
    return [
        match_line(engine, tokenizer, cursor, with_suffix=True, budget=budget)
        for cursor in watch(cursors, f"exact match {precision}", len(cursors))
    ]


def check_gate(
    config: ExportConfig, greedy: GreedyParity, quantized: Mapping[str, QuantizedParity]
) -> None:
    """Raise ExportError where a graph is not the model."""
    if greedy.mismatches:
        raise ExportError(
            f"expected the fp32 graph to choose PyTorch's token at all {greedy.steps} steps, found "
            f"{greedy.mismatches} others (logits differ by up to {greedy.largest_difference:.2g}); "
            "the exporter does not fit this model: report it"
        )
    if not greedy.deviation <= LARGEST_DEVIATION:
        raise ExportError(
            f"expected the fp32 graph's logits within {LARGEST_DEVIATION:g} standard deviations of "
            f"PyTorch's, found {greedy.deviation:.2g} (its tokens are the same); the exporter does "
            "not fit this model: report it"
        )
    for precision, figure in quantized.items():
        if figure.lost_high > config.exact_match_tolerance:
            raise ExportError(
                f"expected the {precision} graph to lose at most {config.exact_match_tolerance} "
                f"points of the fp32 graph's exact match, {figure.exact_match_fp32:.2f} %, found "
                f"{figure.lost_points:.2f} [{figure.lost_low:.2f}, {figure.lost_high:.2f}] over "
                f"{figure.cursors} cursors; {advice(precision, figure, config)}"
            )


def advice(precision: str, figure: QuantizedParity, config: ExportConfig) -> str:
    """What to do about a quantized graph that is not known to be good."""
    if figure.lost_points > config.exact_match_tolerance:
        return f"leave {precision} out of export.precisions"
    if figure.cursors < config.exact_match_cursors:
        return "hold out more repositories with dedup.heldout_share: there are no more cursors"
    return "raise export.exact_match_cursors, which narrows the interval, or the tolerance"
