"""The command `lory-train import`: a model that others made becomes a bundle."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from trainer.errors import ImportModelError
from trainer.export.importing.importer import Options, import_model
from trainer.export.importing.sources.described import describe_source

PRECISIONS = ("int8_rows", "int8_blocks", "int8", "int4", "fp16", "fp32")


class Parser(argparse.ArgumentParser):
    """Explains a wrong word in one line, as the trainer does."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise ImportModelError."""
        raise ImportModelError(f"import: {message}")


def build_parser() -> Parser:
    """What the command takes."""
    parser = Parser(prog="lory-train import", description=__doc__)
    parser.add_argument(
        "source",
        help="a Hugging Face folder, a .gguf file, an installed distribution with one, "
        "or a hub name such as HuggingFaceTB/SmolLM2-135M",
    )
    parser.add_argument("--out", type=Path, help="folder of the bundle")
    parser.add_argument(
        "--describe", action="store_true", help="print the model's licence as JSON, and end"
    )
    parser.add_argument("--origin", default="", help="where the source comes from, for the card")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="of the graph; 8 bits in rows, or in blocks where rows lose too much, unless given",
    )
    parser.add_argument(
        "--context", type=int, default=Options().context, help="tokens of prompt and completion"
    )
    parser.add_argument("--name", default="", help="of the bundle")
    parser.add_argument(
        "--languages", nargs="+", default=list(Options().languages), help="that it is used for"
    )
    parser.add_argument("--licence", default="", help="of the model, accepted by its name")
    parser.add_argument("--adapter", type=Path, help="what lory-train adapt learned for the model")
    return parser


def main(words: Sequence[str]) -> None:
    """Run the command; raises TrainerError for what can be explained in one line."""
    chosen = build_parser().parse_args(list(words))
    if chosen.describe:
        sys.stdout.write(json.dumps(describe_source(chosen.source)) + "\n")
        return
    if chosen.out is None:
        raise ImportModelError("import: expected --out with the bundle's folder, found none")
    if not 64 <= chosen.context <= 131_072:
        raise ImportModelError(f"--context: expected 64 to 131072 tokens, found {chosen.context}")
    options = Options(
        precision=chosen.precision,
        context=chosen.context,
        name=chosen.name,
        languages=tuple(chosen.languages),
        licence=chosen.licence,
        adapter=chosen.adapter,
        origin=chosen.origin,
    )
    start = perf_counter()
    bundle = import_model(chosen.source, chosen.out, options, tell)
    size = sum(record.bytes for record in bundle.manifest.files.values())
    for label, value in bundle.manifest.provenance.training.items():
        tell(f"{label}: {value}")
    tell(f"{chosen.out}: {size / 1e6:.1f} MB in {perf_counter() - start:.0f} s")


def tell(line: str) -> None:
    """One line for the user."""
    sys.stderr.write(f"lory-train: {line}\n")
