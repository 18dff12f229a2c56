"""An editor and the language server that it talks to, both in the test's own process."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from lsp_server.bench.client.jsonrpc import parse, read_body
from lsp_server.protocol.handlers import create_server
from lsp_server.protocol.pygls_server import LoryServer
from lsp_server.protocol.wire.transport import Output

PATIENCE = 30.0


class InnerEditor:
    """Sends messages to a server whose settings are `settings` and what `configure` adds."""

    def __init__(self, root: Path, settings: Mapping[str, Any]) -> None:
        self.root = root
        self.settings = settings
        self.server: LoryServer = create_server()
        self.sent = BytesIO()
        """What the server has written."""
        self.server.protocol.set_writer(Output(self.sent))
        self.number = 0

    def send(self, method: str, params: Any, **identity: int | str) -> None:
        """Send a message; with `id`, a request."""
        message = {"jsonrpc": "2.0", "method": method, "params": params, **identity}
        self.server.take(json.dumps(message).encode())

    def request(self, method: str, params: Any) -> int:
        """Send a request; its number."""
        self.number += 1
        self.send(method, params, id=self.number)
        return self.number

    def begin(self) -> None:
        """Start the session, with one folder."""
        ghost: dict[str, Any] = {"textDocument": {"inlineCompletion": {}}}
        folder = {"uri": self.root.as_uri(), "name": "p"}
        params = {"processId": None, "rootUri": None, "capabilities": ghost}
        self.send("initialize", {**params, "workspaceFolders": [folder]}, id=0)
        self.send("initialized", {})
        self.configure()

    def configure(self, **more: Any) -> None:
        """Change settings."""
        values = {"settings": {"lory": {**self.settings, **more}}}
        self.send("workspace/didChangeConfiguration", values)

    def uri(self, name: str) -> str:
        """The URI of a file of the folder."""
        return (self.root / name).as_uri()

    def open(self, name: str, text: str) -> None:
        """Open a document."""
        document = {"uri": self.uri(name), "languageId": "python", "version": 1}
        self.send("textDocument/didOpen", {"textDocument": {**document, "text": text}})

    def close(self, name: str) -> None:
        """Close a document."""
        self.send("textDocument/didClose", {"textDocument": {"uri": self.uri(name)}})

    def change(
        self, name: str, start: tuple[int, int], text: str, end: tuple[int, int] | None = None
    ) -> None:
        """Put a text between two places, or into one."""
        places = [dict(zip(("line", "character"), at, strict=True)) for at in (start, end or start)]
        change = {"range": {"start": places[0], "end": places[1]}, "text": text}
        document = {"uri": self.uri(name), "version": 2}
        params = {"textDocument": document, "contentChanges": [change]}
        self.send("textDocument/didChange", params)

    def ask(self, name: str, line: int, character: int) -> int:
        """Ask for suggestions; the request's number."""
        params = {
            "textDocument": {"uri": self.uri(name)},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 1},
        }
        return self.request("textDocument/inlineCompletion", params)

    def received(self) -> list[dict[str, Any]]:
        """All messages of the server so far."""
        stream, found = BytesIO(self.sent.getvalue()), []
        while (body := read_body(stream)) is not None:
            found.append(parse(body))
        return found

    async def answered(self, number: int) -> None:
        """Return once a request has its answer."""
        await self.until(lambda: f'"id": {number},'.encode() in self.sent.getvalue())

    async def until(self, check: Callable[[], Any]) -> None:
        """Return once something is true."""
        deadline = time.monotonic() + PATIENCE
        while not check():
            assert time.monotonic() < deadline, "it does not come true"
            await asyncio.sleep(0.02)

    def is_at_rest(self) -> bool:
        """Whether the model is there, all is read and nobody waits for an answer."""
        completer, notes = self.server.session.completer, self.server.session.workspace.notes
        model = completer.model_of("python")
        index = model.project if model else None
        others = [name for name in notes.open if name != notes.current]
        return (
            index is not None
            and index.is_whole
            and all(index.has(name, notes.open[name]) for name in others if self.is_read(name))
            and not completer._requests
        )

    def is_read(self, name: str) -> bool:
        """Whether the server reads a document."""
        return self.server.session.workspace.text(name) is not None
