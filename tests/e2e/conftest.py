"""An editor for the tests: a real server process behind a raw JSON-RPC client."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from lsp_server.bench.client.lsp_client import LspClient, Response
from tests.scripted import Rules, Script, script_bundle, write_script

__all__ = ["Rules", "Script", "script_bundle", "write_script"]

PATIENCE = 30.0
COMMAND = (sys.executable, "-m", "lsp_server", "lsp")
CAPABILITIES = {
    "general": {"positionEncodings": ["utf-16"]},
    "experimental": {"loryStatus": True},
    "window": {"workDoneProgress": True},
    "textDocument": {"inlineCompletion": {}},
}
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
        asked: bool = False,
    ) -> int:
        """Ask without waiting."""
        context: dict[str, Any] = {"triggerKind": 1 if menu or asked else 2}
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

    def explain(self, name: str = "a.py") -> dict[str, Any]:
        """What is told of a document and its last request."""
        params = {"textDocument": {"uri": self.uri(name)}}
        found: dict[str, Any] = self.client.request("lory/explain", params, PATIENCE).result
        return found

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


@pytest.fixture
def start_editor(tmp_path: Path) -> Iterator[StartEditor]:
    """Gives an editor with a fresh server."""
    root = tmp_path / "my project"
    root.mkdir()
    with ExitStack() as stack:

        def start(command: Sequence[str] = COMMAND, **how: Any) -> Editor:
            return Editor(stack.enter_context(LspClient(command, root, **how)), root)

        yield start


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
