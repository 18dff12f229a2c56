"""Answers `initialize` from a constant, before the protocol library is imported.

An editor waits for it, and the library that knows the protocol takes half a second to import: it is
imported once this is sent. A test compares what is said here with what that library would say.
"""

import json
from contextlib import suppress
from typing import Any

from lsp_server import __version__
from lsp_server.protocol.wire.framing import framed

STATISTICS = "lory/statistics"
EXPLAIN = "lory/explain"
EXPERIMENTAL = {"loryStatistics": True, "loryExplain": True}
"""What the server can do beyond the protocol: it answers the two requests above."""
EXPLAIN_COMMAND = "lory.explain"
ACCEPTED_COMMAND = "lory.suggestionAccepted"
COMMANDS = (EXPLAIN_COMMAND, ACCEPTED_COMMAND)
"""For `workspace/executeCommand`."""
TRIGGERS = (".", "(", "[", "{", " ", "=", ",")
ENCODINGS = ("utf-8", "utf-16", "utf-32")
USUAL_ENCODING = "utf-16"
CAPABILITIES: dict[str, Any] = {
    "textDocumentSync": {"openClose": True, "change": 2, "save": {"includeText": True}},
    "completionProvider": {"triggerCharacters": TRIGGERS},
    "executeCommandProvider": {"commands": COMMANDS},
    "inlineCompletionProvider": {},
    "workspace": {
        "workspaceFolders": {"supported": True, "changeNotifications": True},
        "fileOperations": {},
    },
    "experimental": EXPERIMENTAL,
}


def answer_initialize(body: bytes) -> tuple[int | str, bytes] | None:
    """The request's id and the framed answer; None for all that is not plainly an `initialize`."""
    with suppress(AttributeError, KeyError, RecursionError, TypeError, ValueError):
        message = json.loads(body)
        number, params = message["id"], message["params"]
        plain = message["jsonrpc"] == "2.0" and isinstance(number, int | str)
        if plain and message["method"] == "initialize":
            return number, frame_answer(number, choose_encoding(params["capabilities"]))
    return None


def choose_encoding(capabilities: dict[str, Any]) -> str:
    """The first of the client's position encodings that is known."""
    offered = (capabilities.get("general") or {}).get("positionEncodings") or ()
    return next((name for name in offered if name in ENCODINGS), USUAL_ENCODING)


def frame_answer(number: int | str, encoding: str) -> bytes:
    """The message, header and body."""
    result = {
        "capabilities": {"positionEncoding": encoding, **CAPABILITIES},
        "serverInfo": {"name": "lory", "version": __version__},
    }
    body = json.dumps({"id": number, "jsonrpc": "2.0", "result": result}).encode()
    return framed(body)
