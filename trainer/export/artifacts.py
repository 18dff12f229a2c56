"""Opens the graphs that the stage `export` wrote."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from lsp_server.contract.prompt import budget_for, load_tokenizer
from lsp_server.engines.onnx import open_engine
from trainer.errors import StageError
from trainer.export.stage import ORACLE, graph_path
from trainer.tasks.subject import Subject


@dataclass(frozen=True, slots=True)
class Graph:
    """One exported graph."""

    precision: str
    path: Path
    shipped: bool

    def __str__(self) -> str:
        return f"{self.precision}, as shipped" if self.shipped else self.precision


def find_graphs(export: Path) -> list[Graph]:
    """The graph that is shipped, which is the first precision asked for, and then fp32.

    One graph where nothing was quantized. Raises StageError where one of them is missing.
    """
    precisions = json.loads((export / "done.json").read_text())["config"]["precisions"]
    shipped = precisions[0] if precisions else ORACLE
    names = dict.fromkeys((shipped, ORACLE))
    graphs = [Graph(name, graph_path(export, name), name == shipped) for name in names]
    for graph in graphs:
        if not graph.path.exists():
            raise StageError(
                f"expected {graph.path}, found none; delete {export} and run: lory-train export"
            )
    return graphs


def open_subject(graph: Graph, threads: int) -> Subject:
    """An engine on the graph, with the tokenizer beside it and the prompt budget of its context."""
    folder = graph.path.parent
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    context = json.loads((folder / "facts.json").read_text())["context"]
    return Subject(open_engine(graph.path, tokenizer, threads), tokenizer, budget_for(context))


def hash_files(export: Path) -> dict[str, str]:
    """SHA-256 of the graphs, their weights and the tokenizer."""
    files = [*sorted(export.glob("model.*")), export / "tokenizer.json"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
