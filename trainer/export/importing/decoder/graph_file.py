"""Writes a decoder's graph to a folder, its weights in a file beside it where they are many."""

from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.contract.bundles.bundle import MODEL
from trainer.export.importing.decoder.shape import Decoder
from trainer.export.importing.decoder.wiring import wire_decoder

if TYPE_CHECKING:
    import onnx

    from trainer.export.graph.builder import Precision

WEIGHTS = f"{MODEL}.data"
LARGEST_GRAPH = 1_900_000_000
"""Bytes that a graph's file may have: protobuf ends at 2 GB."""
LARGEST_MAPPED = 200_000_000
"""Bytes of the file of a graph that is tried; the weights of a larger one are mapped, not read."""


def write_graph(
    decoder: Decoder, precision: "Precision", folder: Path, largest: int = LARGEST_GRAPH
) -> Path:
    """The graph's file, with WEIGHTS beside it where both would have more than `largest` bytes."""
    return save_graph(wire_decoder(decoder, precision), folder, largest)


def save_graph(graph: "onnx.ModelProto", folder: Path, largest: int = LARGEST_GRAPH) -> Path:
    """As `write_graph`, of a graph that is wired."""
    import onnx

    path = folder / MODEL
    size = sum(len(tensor.raw_data) for tensor in graph.graph.initializer)
    if size <= largest:
        onnx.save(graph, path)
    else:
        onnx.save(graph, path, save_as_external_data=True, location=WEIGHTS)
    return path
