"""`lory bench passages` and `lory bench mixed`: models side by side with the project mixed in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table

from lsp_server.bench.mixture.fit import FitConfig, nats_alone, nats_left_out
from lsp_server.bench.mixture.passages import read_passages, with_model, write_passages
from lsp_server.bench.mixture.samples import gather
from lsp_server.cli.bench import options
from lsp_server.cli.grouping import grouped_options
from lsp_server.cli.tables import terminal
from lsp_server.completion.model.loading import load_model
from lsp_server.contract.bundles.kept import SHIPPED
from lsp_server.contract.intervals import Interval, ratio_interval, sums_of
from lsp_server.contract.prompt import load_tokenizer
from lsp_server.engines.vocabulary import read_vocabulary
from lsp_server.plugins import PluginGuard
from lsp_server.settings import read_settings

RESAMPLES = 2000


@grouped_options
def passages_command(
    out: Annotated[Path, typer.Option(help="File (.npz) that the passages are written to.")],
    sources: options.SourceOptions,
    bundle: Annotated[str, typer.Option(help="Bundle whose tokenizer and budget count.")] = "",
    blocks: options.Passages = 3,
    seed: Annotated[int, typer.Option(help="Of every choice.")] = 0,
) -> None:
    """Write pieces of files with what the project says of each token, for any model to read."""
    console = terminal()
    model = load_model(read_settings({"bundle": bundle or SHIPPED}), PluginGuard(print))
    with console.status("counting") as status:
        passages = list(gather(model, sources.read(), blocks, seed, status.update))
    vocabulary = read_vocabulary(load_tokenizer(model.bundle.tokenizer_path))
    write_passages(passages, vocabulary.never_written, out)
    tokens = sum(len(passage.ids) for passage in passages)
    console.print(f"{len(passages)} passages, {tokens} tokens: {out}", soft_wrap=True)


def mixed_command(
    passages: Annotated[Path, typer.Argument(help="What `lory bench passages` wrote.")],
    models: Annotated[list[Path], typer.Argument(help="What each model gives; the first leads.")],
    seed: Annotated[int, typer.Option(help="Of every choice.")] = 0,
) -> None:
    """Nats per token of models, alone and mixed with the project, weights of other projects."""
    counted = read_passages(passages)
    table = Table(
        "model", "alone", "mixed", "alone, change", "mixed, change", title="nats per token"
    )
    first: list[NDArray[np.float64]] = []
    for path in models:
        samples = with_model(counted, path)
        both = [nats_alone(samples), nats_left_out(samples, FitConfig(seed=seed))]
        first = first or both
        changes = [paired(counted.file_N, new, old) for new, old in zip(both, first, strict=True)]
        told = [f"{nats_N.mean():.4f}" for nats_N in both]
        table.add_row(path.stem, *told, *map(told_change, changes))
    console = terminal()
    console.print(table, f"{len(counted.file_N)} tokens; intervals of 95 % over files")


def paired(
    file_N: NDArray[np.int64], new_N: NDArray[np.float64], old_N: NDArray[np.float64]
) -> Interval:
    """What the mean of `new_N` has more than that of `old_N`, with its interval over files."""
    found = ratio_interval(
        [by_file(file_N, new_N), by_file(file_N, old_N)], [1, -1], resamples=RESAMPLES, seed=0
    )
    assert found is not None  # a passage has tokens
    return found


def by_file(
    file_N: NDArray[np.int64], nats_N: NDArray[np.float64]
) -> dict[object, tuple[float, float]]:
    """Nats and tokens of each file."""
    rows: Sequence[tuple[int, float]] = list(zip(file_N.tolist(), nats_N.tolist(), strict=True))
    return dict(sums_of((file, nats, 1.0) for file, nats in rows))


def told_change(change: Interval) -> str:
    """A change with its bounds; nothing for the model that is compared with itself."""
    value, low, high = change
    return f"{value:+.4f} [{low:+.4f}, {high:+.4f}]" if value or low or high else ""
