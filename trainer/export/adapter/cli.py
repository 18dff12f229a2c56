"""The command `lory-train adapt`: a low-rank adapter for an imported model, learned from files."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from lsp_server.contract.bundles.bundle import load
from lsp_server.contract.languages.profiles import is_named_as
from lsp_server.contract.prompt import load_tokenizer
from trainer.export.adapter.config import AdapterConfig
from trainer.export.importing.cli import Parser, tell
from trainer.export.importing.gate import transformers_model
from trainer.export.importing.importer import renumber_source
from trainer.export.importing.sources.find import find_source


def build_parser() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = Parser(prog="lory-train adapt", description=__doc__)
    parser.add_argument("source", help="the model, as lory-train import takes it")
    parser.add_argument("--bundle", type=Path, required=True, help="what was imported of it")
    parser.add_argument(
        "--files", type=Path, required=True, help="folder of files of the bundle's languages"
    )
    parser.add_argument("--run", type=Path, required=True, help="folder of this run")
    parser.add_argument(
        "--adapter", type=Path, help="begin with what this one learned, instead of with nothing"
    )
    parser.add_argument("--rate", type=float, help="the highest; it falls in a line to zero")
    for name in ("steps", "rank", "batch", "seed"):
        parser.add_argument(f"--{name}", type=int)
    parser.set_defaults(**asdict(AdapterConfig()))
    parser.add_argument("--threads", type=int, default=1)
    return parser


def main(words: Sequence[str]) -> None:
    """Learn, or go on; raises TrainerError for what can be explained in one line."""
    import torch

    from trainer.export.adapter.samples import Samples
    from trainer.export.adapter.training import Run, train

    chosen = build_parser().parse_args(list(words))
    torch.set_num_threads(chosen.threads)
    bundle, source = load(chosen.bundle), find_source(chosen.source)
    tokenizer = load_tokenizer(bundle.tokenizer_path)
    rows = renumber_source(source).rows
    languages = bundle.manifest.languages
    files = sorted(path for path in chosen.files.rglob("*") if is_named_as(languages, path.name))
    samples = Samples(files, tokenizer, bundle.manifest.layout, rows)
    named = {field.name: getattr(chosen, field.name) for field in fields(AdapterConfig)}
    run = Run(chosen.run, source.digest(), chosen.adapter)
    model = transformers_model(source.config, source.tensors)
    made = train(model, samples, AdapterConfig(**named), run, chosen.steps)
    tell(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
