"""How the server starts: fast, over either transport, and with a real model."""

import json
import re
import resource
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lsp_server.bench.client.jsonrpc import frame, parse, read_body

if TYPE_CHECKING:
    from tests.e2e.conftest import StartEditor

DEFAULT_BUNDLE = Path(__file__).parents[2] / "lsp_server" / "models" / "default"
COMMAND = (sys.executable, "-m", "lsp_server", "lsp")
HEAVY = ("onnxruntime", "numpy", "tree_sitter", "torch", "rich", "datasets", "tokenizers")
SLOW = ("pygls", "lsprotocol", "attrs", "cattrs", "asyncio", "typer", "logging")
"""What answers all that comes after `initialize`."""


def test_initialize_is_answered_before_anything_heavy_is_imported() -> None:
    program = (
        "import sys\n"
        "from lsp_server.__main__ import main\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        sys.stderr.write(f'{name} {answered()}\\n')\n"
        "import lsp_server.protocol.wire.transport as transport\n"
        "sent = []\n"
        "write = transport.Output.write\n"
        "def send(self, data): write(self, data); sent.append(data)\n"
        "def answered(): return bool(sent)\n"
        "transport.Output.write = send\n"
        "sys.meta_path.insert(0, Watch())\n"
        "sys.argv[1:] = ['lsp']\n"
        "main()\n"
    )
    session = frame(request(1, "initialize")) + frame(request(2, "shutdown"))
    done = subprocess.run([sys.executable, "-c", program], input=session, capture_output=True)
    seen = [line.split() for line in done.stderr.decode().splitlines() if len(line.split()) == 2]
    before = {name.split(".")[0] for name, answered in seen if answered == "False"}
    after = {name.split(".")[0] for name, answered in seen if answered == "True"}
    assert not before & {*HEAVY, *SLOW}
    assert {"pygls", "asyncio"} <= after


def test_a_session_up_to_initialize_costs_less_than_a_second() -> None:
    """Processor time, which a busy machine stretches less than it does the clock's."""
    session = frame(request(1, "initialize")) + frame(request(2, "shutdown"))
    before = processor_seconds()
    done = subprocess.run(COMMAND, input=session, capture_output=True, check=False)
    assert done.stdout.count(b"Content-Length") == 2
    assert processor_seconds() - before < 1


def processor_seconds() -> float:
    """Processor time of this process's ended children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def request(number: int, method: str) -> dict[str, Any]:
    """A request with the parameters of `initialize`."""
    params: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def test_tcp_serves_one_client_on_this_machine_alone() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--tcp", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        found = re.search(r"listening on 127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found is not None
        with socket.create_connection(("127.0.0.1", int(found[1]))) as connection:
            stream = connection.makefile("rwb")
            for number, method in enumerate(("initialize", "shutdown")):
                stream.write(frame(request(number, method)))
                stream.flush()
                body = read_body(stream)  # type: ignore[arg-type]
                assert body is not None
                assert parse(body)["id"] == number
            stream.write(frame({"jsonrpc": "2.0", "method": "exit"}))
            stream.flush()
        assert process.wait(20) == 0


@pytest.fixture
def model_bundle(request: pytest.FixtureRequest) -> Path:
    """The shipped bundle; before there is one, the tests' own."""
    if (DEFAULT_BUNDLE / "bundle.json").exists():
        return DEFAULT_BUNDLE
    return Path(request.getfixturevalue("small_bundle"))


def test_a_real_model_completes_what_it_is_sure_of(
    start_editor: "StartEditor", model_bundle: Path
) -> None:
    editor = start_editor()
    options = {"bundle": str(model_bundle), "min_probability": 0.0, "min_characters": 1}
    editor.initialize(options)
    assert re.search(
        r"engine onnx on (CPU|CUDA): python; engine project: other languages$",
        editor.wait_status("ready"),
    )
    line = "parser.add_argument(self, name, value)\n"
    editor.open(line * 8 + "parser.add_arg")
    offered = editor.ask(8, 14)
    assert offered
    assert offered == editor.ask(8, 14)
    editor.type(offered[0][0], 8, 14)
    rest = editor.ask(8, 15)
    assert not rest or offered[0][1:].startswith(rest[0][:3])
    manifest = json.loads((model_bundle / "bundle.json").read_text())
    assert manifest["name"] in editor.wait_status("ready")


def test_a_gpu_that_is_asked_for_and_cannot_be_used_is_an_error_that_says_what_is_missing(
    start_editor: "StartEditor", model_bundle: Path
) -> None:
    editor = start_editor()
    editor.initialize({"bundle": str(model_bundle), "device": "cuda"})
    message = editor.wait_status("error")
    assert message.startswith("device cuda: expected all that it needs, missing: ")
    assert "\n" not in message


def test_a_real_model_answers_the_last_of_many_requests_and_fails_none(
    start_editor: "StartEditor", model_bundle: Path
) -> None:
    editor = start_editor()
    editor.initialize({"bundle": str(model_bundle), "min_probability": 0.0})
    editor.wait_status("ready")
    editor.open("def f(x):\n    x = \n" * 40)
    requests = [editor.start(2 * number + 1, 8) for number in range(40)]
    answers = [editor.wait(request) for request in requests]
    assert all(answer.error is None for answer in answers)
    assert answers[-1].result is not None
