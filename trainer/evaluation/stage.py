"""Stage `evaluate`: measures the exported model, with intervals.

    evaluation.json    {"rows": [...]}, each row a Measurement of the bundle's manifest
    samples.jsonl      every text the engine wrote, with how it was judged

Each part is measured once: a killed run goes on with the parts that are not finished.
"""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from lsp_server.contract.records import write_record
from trainer.evaluation.config import EvaluateConfig
from trainer.evaluation.heldout_measures import measure_bits, measure_lines, measure_memory
from trainer.evaluation.program_measures import measure_humaneval, measure_infilling, measure_safim
from trainer.evaluation.resumable import Measure, join_samples, measure_part, open_parts
from trainer.export.artifacts import find_graphs, hash_files
from trainer.model.networks import newest_weights
from trainer.runtime.run_folder import Inputs


def run(config: EvaluateConfig, inputs: Inputs, out: Path) -> None:
    """Measure every part that the settings ask for, and write `evaluation.json`.

    Raises CorpusError without held-out text, SourceError for a problem set that cannot be read,
    SandboxError where programs cannot be held.
    """
    measures = plan(config, inputs)
    parts = open_parts(out, {"config": asdict(config), "export": hash_files(inputs["export"])})
    rows = [row for name, part in measures.items() for row in measure_part(parts, name, part)]
    join_samples(parts, measures, out / "samples.jsonl")
    record = {"rows": [asdict(row) for row in rows]}
    write_record(out / "evaluation.json", record)


def plan(config: EvaluateConfig, inputs: Inputs) -> dict[str, Measure]:
    """The parts by name, in the order of the table."""
    graphs = find_graphs(inputs["export"])
    heldout = inputs["dedup"] / "heldout"
    model = newest_weights(inputs)
    measures: dict[str, Measure] = {
        "bits": partial(measure_bits, config, model, inputs["packing"]),
    }
    for graph in graphs:
        for name, with_suffix in (("suffix", True), ("left-to-right", False)):
            measure = partial(measure_lines, config, graph, heldout, with_suffix)
            measures[f"lines-{name}-{graph.precision}"] = measure
    for file in config.infilling:
        name = stem(file).removeprefix("humaneval_infilling_")
        measures[f"infilling-{name}"] = partial(measure_infilling, config, graphs[0], file)
    for file in config.safim:
        name = stem(file).removeprefix("safim_").removeprefix("python_")
        measures[f"safim-{name}"] = partial(measure_safim, config, graphs[0], file)
    if config.humaneval:
        measures["humaneval"] = partial(measure_humaneval, config, graphs[0])
    if config.snippets:
        measures["memorised"] = partial(measure_memory, config, graphs[0], inputs)
    return measures


def stem(file: str) -> str:
    """A file's name up to its first dot."""
    return Path(file).name.partition(".")[0]
