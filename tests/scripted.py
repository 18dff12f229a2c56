"""The scripted engine for tests of whole servers: takes rules, gives its settings and its log."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest
from tokenizers import Tokenizer

from lsp_server.contract.bundles.bundle import (
    CARD,
    MODEL,
    REQUIRED_FILES,
    TOKENIZER,
    record_files,
    sentinel_ids,
)
from lsp_server.contract.bundles.manifest import (
    FORMAT,
    EngineNeeds,
    Manifest,
    Provenance,
    write_manifest,
)

Rules = Sequence[dict[str, Any]]


class Script:
    """The scripted engine's rules and the log of what it was asked."""

    def __init__(self, folder: Path, bundle: Path, rules: Rules) -> None:
        self.rules, self.log = folder / "rules.json", folder / "asked.jsonl"
        self.rules.write_text(json.dumps(rules))
        self.log.touch()
        self.options = {
            "bundle": str(bundle),
            "engine": "scripted",
            "engine_options": {"script": str(self.rules), "log": str(self.log)},
        }

    @property
    def asked(self) -> list[dict[str, str]]:
        """Path, prefix and suffix of every request to the engine."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture(scope="session")
def script_bundle(tmp_path_factory: pytest.TempPathFactory, small_tokenizer: Tokenizer) -> Path:
    """A bundle for the scripted engine: a real tokenizer beside a graph that does nothing."""
    folder = tmp_path_factory.mktemp("bundle")
    tensor = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([node], "nothing", [tensor], [result])
    opsets = [onnx.helper.make_opsetid("", 21)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets), folder / MODEL)
    small_tokenizer.save(str(folder / TOKENIZER))
    (folder / CARD).write_text("For tests.")
    write_manifest(folder, scripted_manifest(folder, small_tokenizer.get_vocab_size()))
    return folder


def scripted_manifest(folder: Path, vocabulary: int) -> Manifest:
    """The manifest of `script_bundle`."""
    return Manifest(
        format=FORMAT,
        name="scripted",
        version="1",
        languages=("python",),
        architecture="none",
        parameters=0,
        context=1024,
        vocabulary=vocabulary,
        sentinels=sentinel_ids(),
        precision="fp32",
        files=record_files(folder, REQUIRED_FILES),
        provenance=Provenance(
            recipe="tests", seed=0, ledger_sha256="0" * 64, licences={}, training={}
        ),
        evaluation=(),
        engine=EngineNeeds(
            opsets={"": 21}, providers=("CPUExecutionProvider",), inputs=(), outputs=()
        ),
    )


@pytest.fixture
def write_script(tmp_path: Path, script_bundle: Path) -> Callable[[Rules], Script]:
    """Gives a script for the scripted engine."""

    def write(rules: Rules) -> Script:
        return Script(tmp_path, script_bundle, rules)

    return write
