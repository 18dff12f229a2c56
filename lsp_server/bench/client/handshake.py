"""Initializes a server the way editors do, and records what it supports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from lsp_server.documents.positions import Encoding
from lsp_server.errors import BenchError

Handler = Callable[[Any], Any]
"""Params of a server's request -> result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What the editor tells a server at the start."""

    root: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    """initializationOptions."""
    inline: bool = True
    """Announce inline completion; some servers fill the menu only where it is missing."""
    encodings: Sequence[Encoding] = (Encoding.UTF16, Encoding.UTF8, Encoding.UTF32)
    """Position encodings, the preferred one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What the server told of itself."""

    name: str
    version: str
    encoding: Encoding
    incremental: bool
    """Whether it takes edits as ranges; otherwise each change sends the whole text."""
    trigger_characters: frozenset[str]
    """Keys that open its completion menu by themselves."""
    capabilities: Mapping[str, Any]
    """As sent."""


class Requester(Protocol):
    """The part of a client that the handshake needs."""

    def request(self, method: str, params: Any, timeout: float) -> Any:
        """Asks and waits."""
        ...

    def notify(self, method: str, params: Any) -> None:
        """Tells."""
        ...


def initialize(client: Requester, workspace: Workspace, timeout: float) -> ServerFacts:
    """Sends initialize and initialized; BenchError where the server refuses or takes no edits."""
    uri = workspace.root.resolve().as_uri()
    params = {
        "processId": None,
        "clientInfo": {"name": "lory bench"},
        "rootUri": uri,
        "workspaceFolders": [{"uri": uri, "name": workspace.root.name}],
        "capabilities": capabilities(workspace),
        "initializationOptions": dict(workspace.options),
    }
    response = client.request("initialize", params, timeout)
    if response.error is not None:
        raise BenchError(f"expected the server to initialize, found: {response.error.message}")
    client.notify("initialized", {})
    return read_facts(response.result)


def read_facts(result: Any) -> ServerFacts:
    """What an initialize result says; BenchError where the replay cannot go on with it."""
    try:
        offered = result["capabilities"]
        info = result.get("serverInfo") or {}
        sync = offered.get("textDocumentSync") or 0
        kind = sync.get("change", 0) if isinstance(sync, Mapping) else sync
        menu = offered.get("completionProvider") or {}
        facts = ServerFacts(
            name=info.get("name", "unnamed"),
            version=info.get("version") or "",
            encoding=Encoding(offered.get("positionEncoding") or Encoding.UTF16),
            incremental=kind == 2,
            trigger_characters=frozenset(menu.get("triggerCharacters") or ()),
            capabilities=offered,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise BenchError(
            f"expected an LSP initialize result, found {result!r:.200}: {exc}"
        ) from exc
    if kind not in (1, 2):
        raise BenchError(f"expected {facts.name} to take document changes, found it takes none")
    return facts


def capabilities(workspace: Workspace) -> dict[str, Any]:
    """What the replay can do as an editor: plain-text items only, no snippets."""
    item = {"snippetSupport": False, "insertReplaceSupport": False}
    return {
        "general": {"positionEncodings": [str(encoding) for encoding in workspace.encodings]},
        "window": {"workDoneProgress": True},
        "workspace": {"configuration": True, "workspaceFolders": True},
        "textDocument": {
            "synchronization": {"didSave": True},
            "completion": {"completionItem": item, "contextSupport": True},
            **({"inlineCompletion": {}} if workspace.inline else {}),
        },
        "experimental": {"loryStatus": True},
    }


def default_handlers(configuration: Mapping[str, Any]) -> dict[str, Handler]:
    """Answers to what servers ask of an editor."""

    def look_up(params: Any) -> list[Any]:
        return [section_of(configuration, item.get("section")) for item in params["items"]]

    def nothing(params: Any) -> None:
        return None

    accepted = (
        "client/registerCapability",
        "client/unregisterCapability",
        "window/workDoneProgress/create",
        "window/showMessageRequest",
        "workspace/workspaceFolders",
        "workspace/diagnostic/refresh",
        "workspace/semanticTokens/refresh",
        "workspace/inlayHint/refresh",
        "workspace/codeLens/refresh",
    )
    refused: dict[str, Handler] = {"workspace/applyEdit": lambda params: {"applied": False}}
    return dict.fromkeys(accepted, nothing) | {"workspace/configuration": look_up} | refused


def section_of(configuration: Mapping[str, Any], section: str | None) -> Any:
    """The settings under a dotted section, all of them without one, None where there are none."""
    found: Any = configuration
    for key in section.split(".") if section else ():
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
