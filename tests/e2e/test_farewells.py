"""The end, by real processes: every farewell is short, and what was asked is answered."""

import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.raw_client import COMMAND, RawClient, document, framed, opening, place

if TYPE_CHECKING:
    from tests.e2e.conftest import Rules, Script

pytestmark = pytest.mark.alone

INLINE = "textDocument/inlineCompletion"
WITHIN = 2.0
"""Seconds from any farewell to the end of the process."""
EXIT = {"method": "exit"}


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """An engine that thinks for long."""
    return write_script([{"after": "", "completion": "late", "delay_ms": 60_000}])


def begin(client: RawClient, folder: Path, script: "Script", process: int | None = None) -> None:
    """A session in which ten requests wait: one for the engine, the others for that one."""
    client.request(0, "initialize", opening(folder, script.options, process=process))
    client.notify("initialized", {})
    client.wait_until(lambda m: m.get("params", {}).get("state") == "ready")
    for number in range(1, 11):
        uri = (folder / f"{number}.py").as_uri()
        client.notify("textDocument/didOpen", document(uri, "x = "))
        client.request(number, INLINE, place(uri, 0, 4))
    client.request("last", "lory/statistics")
    client.wait_for("last")


@pytest.mark.parametrize(
    ("farewell", "code"),
    [
        ((EXIT,), 1),
        (({"id": 11, "method": "shutdown"}, EXIT), 0),
        (({"id": 11, "method": "shutdown"}, {"id": 12, "method": "exit"}), 0),
        (({"id": 12, "method": "exit", "params": [1]},), 1),
        (({"jsonrpc": "1.0", "method": "exit"},), 1),
        (({"jsonrpc": None, "method": "exit"},), 1),
    ],
)
def test_an_exit_of_any_form_ends_the_server_and_what_waits_is_answered_once(
    tmp_path: Path, script: "Script", farewell: tuple[dict[str, Any], ...], code: int
) -> None:
    with RawClient(tmp_path) as client:
        begin(client, tmp_path, script)
        client.send(*farewell)
        assert client.seconds_until_gone() < WITHIN
        asked = [*range(1, 11), *(m["id"] for m in farewell if "id" in m)]
        assert [len(client.answers(number)) for number in asked] == [1] * len(asked)
        assert client.process.returncode == code
        assert not [line for line in client.errors if "Traceback" in line]


@pytest.mark.parametrize("body", [b'{"method":"exit"}', b'{"id":1.5,"method":"exit"}'])
def test_an_exit_that_is_no_message_ends_the_server(
    tmp_path: Path, script: "Script", body: bytes
) -> None:
    with RawClient(tmp_path) as client:
        begin(client, tmp_path, script)
        client.send_bytes(framed(body))
        assert client.seconds_until_gone() < WITHIN


@pytest.mark.parametrize("last", [b"", b"nonsense\r\n\r\n", b"Content-Length: 90\r\n\r\n{"])
def test_the_end_of_the_input_ends_the_server_whatever_comes_last(
    tmp_path: Path, script: "Script", last: bytes
) -> None:
    with RawClient(tmp_path) as client:
        begin(client, tmp_path, script)
        client.send_bytes(last)
        client.end_input()
        assert client.seconds_until_gone() < WITHIN
        assert [len(client.answers(number)) for number in range(1, 11)] == [1] * 10
        assert client.process.returncode == 1


def test_a_client_that_vanishes_while_a_child_of_its_holds_the_pipe_is_noticed(
    tmp_path: Path, script: "Script"
) -> None:
    editor = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with RawClient(tmp_path) as client, editor:
        begin(client, tmp_path, script, process=editor.pid)
        assert client.process.poll() is None
        editor.kill()
        assert client.seconds_until_gone() < WITHIN
        assert f"the editor's process {editor.pid} has ended" in client.errors[-1]


def test_a_client_whose_process_has_ended_already_is_noticed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with RawClient(tmp_path) as client:
        client.request(0, "initialize", opening(tmp_path, process=gone.pid))
        assert client.seconds_until_gone() < 5  # its start is in it


@pytest.mark.parametrize("number", [-1, 0, 1 << 31, None])
def test_a_process_number_that_is_none_keeps_nothing_from_going_on(
    tmp_path: Path, number: int | None
) -> None:
    with RawClient(tmp_path) as client:
        client.request(0, "initialize", opening(tmp_path, process=number))
        client.notify("initialized", {})
        client.request(1, "lory/statistics")
        assert "result" in client.wait_for(1)


def test_a_client_that_reads_no_more_but_holds_the_pipe_is_left(
    tmp_path: Path, script: "Script"
) -> None:
    """The event loop waits in a write, so nothing can be handled in its turn."""
    reading, writing = os.pipe()
    try:
        with RawClient(tmp_path, stdout=writing) as client:
            client.request(0, "initialize", opening(tmp_path, script.options))
            for number in range(1, 40):  # answers for more bytes than a pipe holds
                client.request(number, "workspace/executeCommand", {"command": "x" * 5000})
            client.send(EXIT)
            client.end_input()
            assert client.seconds_until_gone() < WITHIN + 3  # its start is in it
    finally:
        os.close(reading)
        os.close(writing)


def test_a_broken_output_ends_the_server_without_a_word_about_it(
    tmp_path: Path, script: "Script"
) -> None:
    reading, writing = os.pipe()
    with RawClient(tmp_path, stdout=writing) as client:
        os.close(writing)
        client.request(0, "initialize", opening(tmp_path, script.options))
        os.read(reading, 1)
        os.close(reading)
        client.request(1, "lory/statistics")
        assert client.seconds_until_gone() < 5  # its start is in it
        assert client.errors == []


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_ends_with_answers_due_ends_the_server(
    tmp_path: Path, script: "Script", reset: bool
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--tcp", "0"], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    with process:
        assert process.stderr is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found is not None
        with socket.create_connection(("127.0.0.1", int(found[1]))) as connection:
            stream = connection.makefile("rwb")
            client = TcpClient(stream)
            begin(client, tmp_path, script)  # type: ignore[arg-type]
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()
        try:
            assert process.wait(WITHIN) == 1
        finally:
            process.kill()
        assert process.stderr.read() == ""


class TcpClient:
    """As much of `RawClient` as `begin` needs, over a connection."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def request(self, number: int | str, method: str, params: Any = None) -> None:
        """Send a request."""
        self._send({"id": number, "method": method, "params": params})

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        from lsp_server.bench.client.jsonrpc import frame

        self._stream.write(frame({"jsonrpc": "2.0", **message}))
        self._stream.flush()

    def wait_until(self, accept: Callable[[dict[str, Any]], bool]) -> None:
        """Read until a message comes that is wanted."""
        from lsp_server.bench.client.jsonrpc import parse, read_body

        while True:
            body = read_body(self._stream)
            assert body is not None
            if accept(parse(body)):
                return

    def wait_for(self, number: str) -> None:
        """Read until an answer comes."""
        self.wait_until(lambda message: message.get("id") == number)


def test_a_server_that_is_asked_to_end_by_a_signal_ends(tmp_path: Path, script: "Script") -> None:
    with RawClient(tmp_path) as client:
        begin(client, tmp_path, script)
        client.process.send_signal(signal.SIGTERM)
        assert client.seconds_until_gone() < WITHIN
