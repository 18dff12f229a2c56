"""Exported graphs: takes the export stage's folder, gives its graphs and engines that run them."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from lsp_server.engines import Engine
from lsp_server.engines.decoder import OnnxDecoder, open_session
from lsp_server.engines.onnx import OnnxEngine
from lsp_server.engines.vocabulary import read_vocabulary
from lsp_server.prompt import Budget, budget_for, load_tokenizer
from trainer.errors import StageError


@dataclass(frozen=True, slots=True)
class Graph:
    """One exported graph."""

    precision: str
    path: Path
    shipped: bool

    def __str__(self) -> str:
        return f"{self.precision}, as shipped" if self.shipped else self.precision


@dataclass(frozen=True, slots=True)
class Subject:
    """A graph that is ready to complete."""

    engine: Engine
    tokenizer: Tokenizer
    budget: Budget


def find_graphs(export: Path) -> list[Graph]:
    """The graph that is shipped, which is the first precision asked for, and then fp32.

    One graph where nothing was quantized. Raises StageError where one of them is missing.
    """
    precisions = json.loads((export / "done.json").read_text())["config"]["precisions"]
    shipped = precisions[0] if precisions else "fp32"
    names = dict.fromkeys((shipped, "fp32"))
    graphs = [Graph(name, export / f"model.{name}.onnx", name == shipped) for name in names]
    for graph in graphs:
        if not graph.path.exists():
            raise StageError(
                f"expected {graph.path}, found none; delete {export} and run: lory-train export"
            )
    return graphs


def open_subject(graph: Graph, threads: int) -> Subject:
    """An engine on the graph, with the tokenizer beside it and the prompt budget of its context."""
    tokenizer = load_tokenizer(graph.path.parent / "tokenizer.json")
    decoder = OnnxDecoder(open_session(graph.path, threads))
    engine = OnnxEngine(decoder, read_vocabulary(tokenizer))
    return Subject(engine, tokenizer, budget_for(decoder.context))


def hash_files(export: Path) -> dict[str, str]:
    """SHA-256 of the graphs, their weights and the tokenizer."""
    files = [*sorted(export.glob("model.*")), export / "tokenizer.json"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
