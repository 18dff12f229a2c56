"""JSON-RPC as a bad client speaks it: every request gets an answer, every fault one clear line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from lsp_server.bench.client.jsonrpc import frame, parse, read_body
from lsp_server.bench.client.lsp_client import LspClient

COMMAND = (sys.executable, "-m", "lsp_server", "lsp")
INITIALIZE: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}
PLACE: dict[str, Any] = {
    "textDocument": {"uri": "file:///a.py"},
    "position": {"line": 0, "character": 0},
    "context": {"triggerKind": 2},
}
INLINE = "textDocument/inlineCompletion"
PATIENCE = 30.0


@pytest.fixture
def client(tmp_path: Path) -> Iterator[LspClient]:
    """A client of a fresh server that is not initialized; `tmp_path` holds no bundle."""
    with LspClient(COMMAND, tmp_path) as client:
        yield client


def initialize(client: LspClient, **options: Any) -> None:
    """Begin the session."""
    params = {**INITIALIZE, "initializationOptions": {"bundle": "none", **options}}
    assert client.request("initialize", params, PATIENCE).error is None
    client.notify("initialized", {})


def code_of(client: LspClient, method: str, params: Any) -> int | None:
    """The error code of a request's answer."""
    error = client.request(method, params, PATIENCE).error
    return error.code if error else None


def converse(*messages: bytes) -> tuple[list[Any], str, int]:
    """What a server writes to a whole input: messages, lines of standard error, exit code."""
    done = subprocess.run(
        COMMAND, input=b"".join(messages), capture_output=True, timeout=60, check=False
    )
    output, found = BytesIO(done.stdout), []
    while (body := read_body(output)) is not None:
        found.append(parse(body))
    return found, done.stderr.decode(), done.returncode


def request(number: int, method: str, params: Any) -> bytes:
    """A request's bytes."""
    return frame({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def notification(method: str, params: Any) -> bytes:
    """A notification's bytes."""
    return frame({"jsonrpc": "2.0", "method": method, "params": params})


def test_requests_out_of_order_are_refused_with_the_protocols_codes(client: LspClient) -> None:
    assert code_of(client, INLINE, PLACE) == -32002
    assert code_of(client, "shutdown", None) == -32002
    initialize(client)
    assert code_of(client, "initialize", INITIALIZE) == -32600
    assert code_of(client, INLINE, PLACE) is None
    assert code_of(client, "shutdown", None) is None
    assert code_of(client, INLINE, PLACE) == -32600


def test_a_document_that_is_sent_before_initialize_is_not_read(client: LspClient) -> None:
    document = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "x"}
    client.notify("textDocument/didOpen", {"textDocument": document})
    initialize(client)
    assert client.request(INLINE, PLACE, PATIENCE).result == {"items": []}


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("textDocument/unheardOf", {}, -32601),
        (INLINE, {}, -32602),
        (INLINE, {**PLACE, "position": {"line": -1, "character": 0}}, -32602),
        (INLINE, {**PLACE, "position": {"line": "first", "character": 0}}, -32602),
        (INLINE, None, -32602),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_the_next_one_is_not(
    client: LspClient, method: str, params: Any, code: int
) -> None:
    initialize(client)
    assert code_of(client, method, params) == code
    assert client.request(INLINE, PLACE, PATIENCE).result == {"items": []}


def test_bodies_that_are_no_messages_are_answered_and_the_session_goes_on() -> None:
    bodies = [b"{nonsense", b"\xff\xfe", b"[]", b"7", b'{"a": 1}', b"[" * 5_000]
    framed = [b"Content-Length: %d\r\n\r\n%b" % (len(body), body) for body in bodies]
    messages = [request(1, "initialize", INITIALIZE), *framed, request(2, "shutdown", None)]
    found, errors, code = converse(*messages, notification("exit", None))
    refused = [message["error"]["code"] for message in found if message.get("id") is None]
    assert refused == [-32700, -32700, -32600, -32600, -32600, -32700]
    assert [message["id"] for message in found if "result" in message] == [1, 2]
    assert "Traceback" not in errors
    assert code == 0


@pytest.mark.parametrize(
    ("garbage", "said"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "expected a header such as 'Content-Length: 52'"),
        (b"hello\n", "start this command from an editor"),
        (b'Content-Length: 50\r\n\r\n{"jsonrpc"', "expected a message of 50 bytes, found 10"),
    ],
)
def test_garbage_ends_the_server_with_one_clear_line(garbage: bytes, said: str) -> None:
    found, errors, code = converse(request(1, "initialize", INITIALIZE), garbage)
    assert [message["id"] for message in found] == [1]
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert code == 1


def test_an_input_that_ends_without_a_goodbye_ends_the_server_quietly() -> None:
    found, errors, code = converse(request(1, "initialize", INITIALIZE))
    assert [message["id"] for message in found] == [1]
    assert (errors, code) == ("", 1)


def test_the_exit_code_says_whether_the_server_was_shut_down() -> None:
    start = request(1, "initialize", INITIALIZE)
    assert converse(start, request(2, "shutdown", None), notification("exit", None))[2] == 0
    assert converse(start, notification("exit", None))[2] == 1


def test_only_messages_come_out_of_standard_output_whatever_prints(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from lsp_server.protocol.wire.transport import standard_streams\n"
        "with standard_streams() as (reader, writer):\n"
        "    print('stray'); os.write(1, b'stray\\n'); sys.stdout.flush()\n"
        "    writer.write(b'message')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=tmp_path, check=True
    )
    assert done.stdout == b"message"
    assert done.stderr.count(b"stray") == 2


def test_a_client_that_offers_every_setting_as_null_gets_the_defaults(client: LspClient) -> None:
    params = {**INITIALIZE, "capabilities": {"workspace": {"configuration": True}}}
    client.request("initialize", {**params, "initializationOptions": None}, PATIENCE)
    client.notify("initialized", {})
    assert client.request(INLINE, PLACE, PATIENCE).result == {"items": []}
    assert not [text for text in messages_of(client) if "setting" in text]


def messages_of(client: LspClient) -> list[str]:
    """What was shown to the user."""
    notes = client.notifications
    return [json.dumps(note.params) for note in notes if note.method == "window/showMessage"]
