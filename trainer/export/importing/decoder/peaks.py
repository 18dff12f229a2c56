"""How large the channels become that a decoder's matrices read."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime

from lsp_server.contract.prompt import Ids
from lsp_server.engines.decoder import (
    INPUT_IDS,
    LAST_POSITION,
    LOGITS_FROM,
    PAST,
    TOTAL_LENGTH,
    open_session,
    return_freed_memory,
)
from trainer.export.graph.builder import Precision
from trainer.export.importing.decoder.graph_file import LARGEST_MAPPED, save_graph
from trainer.export.importing.decoder.shape import Decoder, Weights
from trainer.export.importing.decoder.wiring import wire_decoder

READ_IN: Precision = "int8_blocks"
"""Precision of the graph that is asked: floats of a large model would need four times the memory,
and a peak need not be exact."""


def find_peaks(
    decoder: Decoder, matrices: Sequence[str], prompts: Iterable[Ids]
) -> Mapping[str, Weights]:
    """The largest size of each channel [K] that each of `matrices` reads in some prompts."""
    graph = wire_decoder(decoder, READ_IN)
    inputs = {node.output[0]: node.input[0] for node in graph.graph.node}
    read = {name: inputs[name] for name in matrices}
    for name in sorted(set(read.values())):
        graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    names = list(read.values())
    peaks = {name: np.zeros(1, np.float32) for name in names}
    with TemporaryDirectory() as folder:
        path = save_graph(graph, Path(folder), largest=LARGEST_MAPPED)
        del graph  # a large model's is not to be in memory twice
        session = open_session(path, threads=2)
        for prompt in prompts:
            for name, found in zip(names, ask(session, prompt, names), strict=True):
                largest = np.abs(found).reshape(-1, found.shape[-1]).max(0)
                peaks[name] = np.maximum(peaks[name], largest)
        del session
    return_freed_memory()
    return {matrix: peaks[name] for matrix, name in read.items()}


def ask(
    session: onnxruntime.InferenceSession, prompt: Ids, names: Sequence[str]
) -> Sequence[Weights]:
    """What some tensors of a graph are where it reads a prompt."""
    given = {
        INPUT_IDS: np.array([prompt], np.int64),
        LAST_POSITION: np.array([len(prompt) - 1], np.int32),
        TOTAL_LENGTH: np.array(len(prompt), np.int32),
        LOGITS_FROM: np.array([len(prompt) - 1], np.int64),
    }
    for tensor in session.get_inputs():
        if tensor.name.startswith(PAST):
            given[tensor.name] = np.zeros(tensor.shape, np.float32)
    found: Sequence[Weights] = session.run(list(names), given)
    return found
