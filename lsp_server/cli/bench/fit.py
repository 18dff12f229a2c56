"""`lory bench fit`: fits the cache model's weights to projects."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from lsp_server.bench.config import ReplayConfig
from lsp_server.bench.mixture.calibration import (
    Bin,
    JudgedTokens,
    expected_error,
    fit_calibration,
    reliability,
    write_at_cursors,
)
from lsp_server.bench.mixture.fit import (
    FitConfig,
    as_weights,
    cross_validate,
    fit,
    nats,
    nats_alone,
)
from lsp_server.bench.mixture.samples import by_workspace, collect
from lsp_server.bench.texts.files import SourceFile, thin_out
from lsp_server.cli.bench import options
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import Terminal, terminal
from lsp_server.completion.model.loading import Model, load_model
from lsp_server.contract.bundles.kept import SHIPPED
from lsp_server.contract.bundles.manifest import strict_converter
from lsp_server.engines.mixture import Calibration, MixtureWeights
from lsp_server.plugins import PluginGuard
from lsp_server.settings import read_settings


@grouped_options
def fit_command(
    out: Annotated[Path, typer.Option(help="File that the weights are written to.")],
    sources: options.SourceOptions,
    language: options.Languages = None,
    bundle: Annotated[str, typer.Option(help="Folder of the bundle.")] = "",
    engine: Annotated[str, typer.Option(help="onnx, or project: without a model.")] = "onnx",
    blocks: options.Passages = 4,
    max_files: options.MaxFiles = ReplayConfig.max_files,
    seed: Annotated[int, typer.Option(help="Of every choice.")] = 0,
) -> None:
    """Fit how much the open project counts beside the model, and how far probabilities hold."""
    console = terminal()
    chosen = thin_out(sources.read(language), max_files, seed)
    model = load_model(
        read_settings({"bundle": bundle or SHIPPED, "engine": engine}), PluginGuard(print)
    )
    weights = fit_weights(console, model, chosen, blocks, seed)
    calibrated = calibrate(console, model, weights, chosen, seed)
    record = strict_converter().unstructure(calibrated)
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    console.print(f"weights: {out}", soft_wrap=True)


def fit_weights(
    console: Terminal, model: Model, files: Sequence[SourceFile], blocks: int, seed: int
) -> MixtureWeights:
    """The weights of the counts; prints how much better than the model alone they are."""
    with console.status("reading blocks") as status:
        samples = collect(model, files, blocks, seed, lambda name: status.update(name))
        config = FitConfig(seed=seed)
        status.update("fitting")
        names = [str(root.name) for root, _ in by_workspace(files)]
        rows = cross_validate(samples, config) if len(names) > 1 else []
        weights_LW = fit(samples, config)
    table = Table("project left out of the fit", "model alone", "mixture", title="nats per token")
    for number, alone, mixed in rows:
        table.add_row(names[number], f"{alone:.3f}", f"{mixed:.3f}")
    alone = float(nats_alone(samples).mean())
    table.add_row("none", f"{alone:.3f}", f"{nats(samples, weights_LW):.3f}")
    console.print(table, f"{len(samples.model_N)} tokens")
    return as_weights(weights_LW)


def calibrate(
    console: Terminal,
    model: Model,
    weights: MixtureWeights,
    files: Sequence[SourceFile],
    seed: int,
) -> MixtureWeights:
    """The weights with a calibration from every other file; prints its curve on the others."""
    known = replace(model, mixture=weights)
    ordered = sorted(files, key=lambda file: file.name)
    with console.status("writing at cursors") as status:
        fitted, held_out = (
            write_at_cursors(known, ordered[half::2], 1, seed, lambda name: status.update(name))
            for half in (0, 1)
        )
    calibration = fit_calibration(fitted)
    console.print(curve(held_out, calibration))
    return replace(weights, calibration=calibration)


def curve(held_out: JudgedTokens, calibration: Calibration) -> Table:
    """The reliability of written tokens, before and after calibration."""
    after_N = np.array([calibration.apply(logprob) for logprob in held_out.logprob_N])
    before, after = (
        reliability(logprob_N, held_out.right_N) for logprob_N in (held_out.logprob_N, after_N)
    )
    table = Table("", "tokens", "predicted", "right", title="calibration, files not fitted on")
    for name, bins in (("before", before), ("after", after)):
        add_rows(table, name, bins)
    table.caption = (
        f"expected calibration error {expected_error(before):.3f} before, "
        f"{expected_error(after):.3f} after"
    )
    return table


def add_rows(table: Table, name: str, bins: Sequence[Bin]) -> None:
    """One row a class of probability."""
    for item in bins:
        table.add_row(name, str(item.tokens), f"{item.predicted:.3f}", f"{item.right:.3f}")
    table.add_section()
