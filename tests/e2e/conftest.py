"""An editor for the tests: a real server process behind a raw JSON-RPC client."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import onnx
import pytest
from tokenizers import Tokenizer

from lsp_server.bench.client import LspClient, Response
from lsp_server.bundle import CARD, MODEL, REQUIRED_FILES, TOKENIZER, record_files, sentinel_ids
from lsp_server.manifest import FORMAT, EngineNeeds, Manifest, Provenance, write_manifest

PATIENCE = 30.0
COMMAND = (sys.executable, "-m", "lsp_server", "lsp")
CAPABILITIES = {
    "general": {"positionEncodings": ["utf-16"]},
    "experimental": {"loryStatus": True},
    "window": {"workDoneProgress": True},
    "textDocument": {"inlineCompletion": {}},
}
Rules = Sequence[dict[str, Any]]
StartEditor = Callable[..., "Editor"]


def at(line: int, character: int) -> dict[str, int]:
    """An LSP position."""
    return {"line": line, "character": character}


class Editor:
    """One open workspace: notifies, asks, and reads what the server says."""

    def __init__(self, client: LspClient, root: Path) -> None:
        self.client = client
        self.root = root
        self.version = 0

    def initialize(
        self,
        options: dict[str, Any] | None = None,
        capabilities: dict[str, Any] | None = None,
    ) -> Any:
        """Start the session; the server's capabilities."""
        params = {
            "processId": None,
            "rootUri": self.root.as_uri(),
            "capabilities": CAPABILITIES if capabilities is None else capabilities,
            "initializationOptions": options,
        }
        result = self.client.request("initialize", params, PATIENCE).result
        self.client.notify("initialized", {})
        return result["capabilities"]

    def uri(self, name: str) -> str:
        """The URI of a file of the workspace."""
        return (self.root / name).as_uri()

    def open(self, text: str, name: str = "a.py", language: str = "python") -> None:
        """Open a document."""
        document = {"uri": self.uri(name), "languageId": language, "version": 1, "text": text}
        self.client.notify("textDocument/didOpen", {"textDocument": document})

    def type(self, text: str, line: int, character: int, name: str = "a.py") -> None:
        """Insert text."""
        self.replace((line, character), (line, character), text, name)

    def delete(self, line: int, first: int, end: int, name: str = "a.py") -> None:
        """Take characters out of a line."""
        self.replace((line, first), (line, end), "", name)

    def replace(
        self, start: tuple[int, int], end: tuple[int, int], text: str, name: str = "a.py"
    ) -> None:
        """Put text in place of other text."""
        self.version += 1
        change = {"range": {"start": at(*start), "end": at(*end)}, "text": text}
        document = {"uri": self.uri(name), "version": self.version}
        params = {"textDocument": document, "contentChanges": [change]}
        self.client.notify("textDocument/didChange", params)

    def start(
        self,
        line: int,
        character: int,
        name: str = "a.py",
        selected: Any = None,
        menu: bool = False,
    ) -> int:
        """Ask without waiting."""
        context: dict[str, Any] = {"triggerKind": 1 if menu else 2}
        if selected is not None:
            context["selectedCompletionInfo"] = selected
        params = {
            "textDocument": {"uri": self.uri(name)},
            "position": at(line, character),
            "context": context,
        }
        method = "completion" if menu else "inlineCompletion"
        return self.client.start_request(f"textDocument/{method}", params)

    def wait(self, request: int) -> Response:
        """The answer to a started request."""
        response = self.client.wait(request, PATIENCE)
        assert response is not None, "no answer"
        return response

    def ask(self, line: int, character: int, name: str = "a.py", **how: Any) -> list[str]:
        """The texts offered at a place."""
        result = self.wait(self.start(line, character, name, **how)).result
        return [item.get("insertText") or item["textEdit"]["newText"] for item in result["items"]]

    def wait_status(self, state: str) -> str:
        """The message of the next status of that state."""
        found = self.client.wait_notification(
            "lory/status", PATIENCE, lambda params: params["state"] == state
        )
        assert found is not None, f"never {state}"
        return str(found.params["message"])

    @property
    def states(self) -> list[str]:
        """States the server has told, in order."""
        told = [note for note in self.client.notifications if note.method == "lory/status"]
        return [note.params["state"] for note in told]

    @property
    def messages(self) -> list[str]:
        """What was shown to the user."""
        notes = self.client.notifications
        return [note.params["message"] for note in notes if note.method == "window/showMessage"]


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


@pytest.fixture
def start_editor(tmp_path: Path) -> Iterator[StartEditor]:
    """Gives an editor with a fresh server."""
    root = tmp_path / "my project"
    root.mkdir()
    with ExitStack() as stack:

        def start(command: Sequence[str] = COMMAND, **how: Any) -> Editor:
            return Editor(stack.enter_context(LspClient(command, root, **how)), root)

        yield start


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


@pytest.fixture
def measure() -> Callable[[Callable[[], object]], float]:
    """Gives the seconds that a call takes at best of several."""

    def seconds(call: Callable[[], object], times: int = 5) -> float:
        best = float("inf")
        for _ in range(times):
            start = perf_counter()
            call()
            best = min(best, perf_counter() - start)
        return best

    return seconds
