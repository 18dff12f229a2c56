"""Makes a bundle of the same weights in another precision.

    python -m trainer.export.requantize BUNDLE OUT --precision int4

Starts from what the bundle's own codes stand for, so its rounding stays in. The evaluation table is
that of the given bundle: its rows name the precision that they were measured in.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import onnx

from lsp_server.contract.bundles.bundle import CARD, MODEL, Bundle, load, record_files
from lsp_server.contract.bundles.manifest import write_manifest
from lsp_server.contract.records import write_whole
from trainer.export.bundle import check, read_needs
from trainer.export.graph.builder import Precision, Quantization
from trainer.export.graph.decoders import build_graph
from trainer.export.graph.weights import read_weights


def requantize(source: Path, out: Path, precision: Precision) -> Bundle:
    """Write the bundle `out`, which must not be there yet, and load it as the server does.

    Raises BundleError for a source that cannot be loaded, ExportError for one that is not llama.
    """
    bundle = load(source)
    graph = build_graph(read_weights(bundle.model_path), precision)
    shutil.copytree(source, out)
    onnx.save(graph, out / MODEL)
    card = out / CARD
    write_whole(card, card.read_text(encoding="utf-8") + note(bundle, precision))
    manifest = replace(
        bundle.manifest,
        precision=precision,
        files=record_files(out, bundle.manifest.files),
        engine=read_needs(out / MODEL),
    )
    write_manifest(out, manifest)
    return check(out)


def note(bundle: Bundle, precision: Precision) -> str:
    """What the card says of the new rounding."""
    first = f"{bundle.manifest.precision}, sha256 {bundle.manifest.files[MODEL].sha256[:12]}..."
    return (
        f"\n## Rounded anew\n\nThe graph is {precision}, made by "
        "`python -m trainer.export.requantize` of "
        f"the floats that the codes of another ({first}) stand for. The evaluation above was "
        "measured on that one.\n"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m trainer.export.requantize", description=__doc__
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--precision", choices=["fp32", *get_args(Quantization)], default="int8")
    words = parser.parse_args()
    bundle = requantize(words.bundle, words.out, words.precision)
    size = (bundle.folder / MODEL).stat().st_size
    parser.exit(message=f"{bundle.folder}: {words.precision}, {size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
