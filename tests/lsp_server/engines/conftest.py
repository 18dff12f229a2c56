"""Graphs of small models, and engines on them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from lsp_server.engines.onnx import OnnxEngine, open_engine

Graphs = Callable[[str, str], Path]


@pytest.fixture(scope="session")
def graphs(
    make_model: Callable[[str], Any],
    train_model: Callable[[str], Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Graphs:
    """Gives the graph of a model kind in a precision; only the llama is trained."""
    folder = tmp_path_factory.mktemp("graphs")

    def graph(kind: str, precision: Any) -> Path:
        import onnx

        from trainer.export.graph.decoders import build_decoder

        path = folder / f"{kind}.{precision}.onnx"
        if not path.exists():
            model = train_model(kind) if kind == "llama" else make_model(kind)
            onnx.save(build_decoder(model, precision), path)
        return path

    return graph


@pytest.fixture(scope="session")
def engine(graphs: Graphs, small_tokenizer: Tokenizer) -> OnnxEngine:
    """The llama's engine; its cache holds whatever the test before left.

    In fp32: where activations are rounded to int8, float noise can move a logit by a whole step.
    """
    return open_engine(graphs("llama", "fp32"), small_tokenizer, threads=1)


@pytest.fixture(scope="session")
def fresh(graphs: Graphs, small_tokenizer: Tokenizer) -> Callable[[], OnnxEngine]:
    """Gives an engine on the same graph that has read nothing yet."""
    return lambda: open_engine(graphs("llama", "fp32"), small_tokenizer, threads=1)
