"""Stage `bundle`: packs graph, tokenizer, card and figures for the server.

bundle/bundle.json       the manifest, with size and hash of all other files
bundle/model.onnx        the first precision of the export stage
bundle/tokenizer.json
bundle/MODEL_CARD.md
bundle/recipe.yaml       every stage's settings: what `lory-train all --recipe` takes
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from lsp_server.contract.bundles.bundle import (
    CARD,
    MODEL,
    TOKENIZER,
    Bundle,
    load,
    record_files,
    sentinel_ids,
)
from lsp_server.contract.bundles.manifest import (
    FORMAT,
    EngineNeeds,
    Manifest,
    Measurement,
    Provenance,
    write_manifest,
)
from lsp_server.contract.bundles.onnx_file import read_summary
from lsp_server.contract.languages.learning import is_known
from lsp_server.contract.records import write_whole
from lsp_server.engines.decoder import describe_tensors, open_session
from lsp_server.engines.onnx import create
from trainer.corpus.ledger import TRAIN, read_entries
from trainer.export.artifacts import find_graphs
from trainer.export.config import BundleConfig
from trainer.export.model_card import CardFacts, write_card
from trainer.runtime.run_folder import TuningStage

RECIPE = "recipe.yaml"


def run(config: BundleConfig, inputs: Mapping[str, Path], out: Path) -> None:
    """Write `out/bundle` and load it as the server does.

    Raises BundleError or EngineError where the server would refuse it.
    """
    folder = out / "bundle"
    folder.mkdir()
    shipped = find_graphs(inputs["export"])[0]
    shutil.copyfile(shipped.path, folder / MODEL)
    shutil.copyfile(inputs["export"] / "tokenizer.json", folder / TOKENIZER)
    settings = read_settings(inputs) | {"bundle": asdict(config)}
    if config.languages and is_known(config.languages[0]):
        settings = {"language": config.languages[0], **settings}
    write_recipe(settings, folder / RECIPE)
    facts = CardFacts(
        config=config,
        network=read_json(inputs["export"] / "facts.json"),
        precision=shipped.precision,
        provenance=read_provenance(inputs, settings),
        corpus=read_json(inputs["dedup"] / "report.json"),
        parity=read_json(inputs["export"] / "parity.json"),
        evaluation=read_evaluation(inputs["evaluate"] / "evaluation.json"),
    )
    write_whole(folder / CARD, write_card(facts))
    write_manifest(folder, make_manifest(facts, folder))
    check(folder)


def check(folder: Path) -> Bundle:
    """Load the bundle and open its graph, as the server does."""
    bundle = load(folder)
    create(bundle, threads=1)
    return bundle


def make_manifest(facts: CardFacts, folder: Path) -> Manifest:
    """The manifest of the files in `folder`."""
    network = facts.network
    return Manifest(
        format=FORMAT,
        name=facts.config.name,
        version=facts.config.version,
        languages=tuple(facts.config.languages),
        architecture=network["architecture"],
        parameters=network["parameters"],
        context=network["context"],
        vocabulary=network["vocabulary"],
        sentinels=sentinel_ids(),
        precision=facts.precision,
        files=record_files(folder, (MODEL, TOKENIZER, CARD, RECIPE)),
        provenance=facts.provenance,
        evaluation=facts.evaluation,
        engine=read_needs(folder / MODEL),
    )


def read_needs(model: Path) -> EngineNeeds:
    """Opsets and tensors of a graph, as onnxruntime states them."""
    session = open_session(model, threads=1)
    return EngineNeeds(
        opsets=read_summary(model).opsets,
        providers=(session.get_providers()[0],),
        inputs=describe_tensors(session.get_inputs()),
        outputs=describe_tensors(session.get_outputs()),
    )


def read_provenance(inputs: Mapping[str, Path], settings: Mapping[str, Any]) -> Provenance:
    """Where the weights come from; licences by how many training documents have them."""
    ledger = read_entries(inputs["dedup"] / "ledger.parquet")
    licences = Counter(entry.licence for entry in ledger if entry.decision == TRAIN)
    training = read_json(inputs["pretrain"] / "training.json")
    return Provenance(
        recipe=RECIPE,
        seed=settings["pretrain"]["seed"],
        ledger_sha256=read_json(inputs["dedup"] / "report.json")["ledger_sha256"],
        licences=dict(licences.most_common()),
        training={
            name.replace("_", " "): as_text(value)
            for name, value in [*training.items(), *tuning_figures(inputs)]
            if value is not None
        },
    )


def tuning_figures(inputs: Mapping[str, Path]) -> Iterator[tuple[str, Any]]:
    """What each tuning stage that was run says of itself, as `sft: steps` and its value."""
    for stage in get_args(TuningStage):
        for report in ("training.json", "report.json") if stage in inputs else ():
            if (inputs[stage] / report).exists():
                figures = read_json(inputs[stage] / report)["figures"]
                yield from ((f"{stage}: {name}", value) for name, value in figures.items())


def as_text(value: Any) -> str:
    """A fact for people: whole numbers with commas, others with six digits."""
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def read_settings(inputs: Mapping[str, Path]) -> dict[str, Any]:
    """The settings that each finished stage was made with, by stage."""
    return {stage: read_json(folder / "done.json")["config"] for stage, folder in inputs.items()}


def write_recipe(settings: Mapping[str, Any], path: Path) -> None:
    """All stages' settings as a recipe."""
    import yaml

    write_whole(path, yaml.safe_dump(dict(settings), sort_keys=False))


def read_evaluation(path: Path) -> tuple[Measurement, ...]:
    """The rows of the evaluation stage."""
    return tuple(Measurement(**row) for row in read_json(path)["rows"])


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file that an earlier stage wrote."""
    record: dict[str, Any] = json.loads(path.read_bytes())
    return record
