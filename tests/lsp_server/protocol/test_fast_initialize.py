"""The first answer is what the protocol's library would say, and only a plain request gets it."""

import json
from io import BytesIO
from typing import Any

import pytest

from lsp_server.bench.client.jsonrpc import parse, read_body
from lsp_server.protocol.fast_initialize import answer_initialize
from lsp_server.protocol.handlers import create_server
from lsp_server.protocol.wire.transport import Output


def initialize(capabilities: Any, number: Any = 1) -> dict[str, Any]:
    """The request."""
    params = {"processId": None, "rootUri": None, "capabilities": capabilities}
    return {"jsonrpc": "2.0", "id": number, "method": "initialize", "params": params}


def answer_of_the_library(request: dict[str, Any], initialize_id: Any = None) -> list[Any]:
    """What the server itself answers."""
    stream = BytesIO()
    server = create_server()
    server.protocol.set_writer(Output(stream))
    server.protocol.initialize_id = initialize_id
    server.take(json.dumps(request).encode())
    server.session.end()
    stream.seek(0)
    return [parse(body) for body in iter(lambda: read_body(stream), None)]


EVERYTHING = {
    "general": {"positionEncodings": ["utf-7", "utf-32", "utf-8"]},
    "window": {"workDoneProgress": True},
    "workspace": {"configuration": True, "workspaceFolders": True, "fileOperations": {}},
    "textDocument": {
        "synchronization": {"didSave": True, "dynamicRegistration": True},
        "completion": {"completionItem": {"snippetSupport": True}, "contextSupport": True},
        "inlineCompletion": {"dynamicRegistration": True},
        "rename": {"prepareSupport": True},
    },
    "notebookDocument": {"synchronization": {}},
    "experimental": {"loryStatus": True},
}


@pytest.mark.parametrize(
    "capabilities",
    [
        {},
        EVERYTHING,
        {"general": None},
        {"general": {"positionEncodings": None}},
        {"general": {"positionEncodings": ["utf-8", "utf-16"]}},
        {"general": {"positionEncodings": ["latin-1"]}},
    ],
)
@pytest.mark.parametrize("number", [0, "first"])
def test_the_first_answer_is_the_librarys_and_is_given_once(
    capabilities: Any, number: int | str
) -> None:
    request = initialize(capabilities, number)
    answered = answer_initialize(json.dumps(request).encode())
    assert answered is not None
    assert answered[0] == number
    body = read_body(BytesIO(answered[1]))
    assert body is not None
    assert answer_of_the_library(request) == [parse(body)]
    assert answer_of_the_library(request, initialize_id=number) == []


@pytest.mark.parametrize(
    "message",
    [
        initialize({}) | {"method": "shutdown"},
        initialize({}) | {"jsonrpc": "1.0"},
        initialize({}) | {"params": None},
        initialize({}, None),
        initialize([]),
        initialize({"general": 7}),
        initialize({"general": {"positionEncodings": 7}}),
        [],
        "initialize",
    ],
)
def test_what_is_not_plainly_an_initialize_is_left_to_the_server(message: Any) -> None:
    assert answer_initialize(json.dumps(message).encode()) is None
    assert answer_initialize(b"[" * 100_000) is None
    assert answer_initialize(b"\xff") is None
