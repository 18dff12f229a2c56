"""The language client against real processes: answers, questions, silence, garbage and death."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lsp_server.bench.client.handshake import Workspace, initialize, read_facts, section_of
from lsp_server.bench.client.lsp_client import METHOD_NOT_FOUND, LspClient
from lsp_server.documents.positions import Encoding
from lsp_server.errors import BenchError

SMALL_SERVER = Path(__file__).parents[1] / "small_server.py"

ASKING = """
import json, sys
def read():
    length = int(sys.stdin.buffer.readline().split(b":")[1])
    sys.stdin.buffer.readline()
    return json.loads(sys.stdin.buffer.read(length))
def write(message):
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
    sys.stdout.buffer.flush()
while True:
    message = read()
    if message["method"] == "ask me":
        write({"id": "q", **message["params"]})
        write({"id": message["id"], "result": read()})
    elif message["method"] == "shutdown":
        write({"id": message["id"], "result": None})
    elif message["method"] == "exit":
        sys.exit(3)
    elif message["method"] == "$/cancelRequest":
        write({"id": message["params"]["id"], "error": {"code": -32800, "message": "dropped"}})
    elif message["method"] == "twice":
        write({"method": "told", "params": {"state": "first"}})
        write({"method": "told", "params": {"state": "second"}})
"""
"""A server in which nothing is a library's: it asks what it is told to ask and says what came."""


def python(code: str) -> list[str]:
    """A command that runs the code."""
    return [sys.executable, "-c", code]


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[LspClient]:
    settings = {"lory": {"filters": {"blank": True}}}
    with LspClient(python(ASKING), tmp_path, configuration=settings) as client:
        yield client


def started(command: Sequence[str], cwd: Path) -> LspClient:
    return LspClient(command, cwd)


def ask_me(client: LspClient, method: str, params: Any) -> Any:
    """The client's answer to a question of the server."""
    question = {"method": method, "params": params}
    return client.request("ask me", question, 60).result


def test_a_servers_question_for_configuration_is_answered_by_section(asking: LspClient) -> None:
    items = [{"section": "lory.filters"}, {"section": "python"}, {}]
    answer = ask_me(asking, "workspace/configuration", {"items": items})
    assert answer["id"] == "q"
    assert answer["result"] == [{"blank": True}, None, {"lory": {"filters": {"blank": True}}}]


def test_a_servers_progress_token_is_accepted(asking: LspClient) -> None:
    answer = ask_me(asking, "window/workDoneProgress/create", {"token": 1})
    assert answer == {"jsonrpc": "2.0", "id": "q", "result": None}


def test_a_question_that_no_editor_knows_is_an_error_answer(asking: LspClient) -> None:
    assert ask_me(asking, "x/y", {})["error"]["code"] == METHOD_NOT_FOUND


def test_a_handler_of_ones_own_answers(asking: LspClient) -> None:
    asking.handlers["x/y"] = lambda params: params["n"] + 1
    assert ask_me(asking, "x/y", {"n": 4})["result"] == 5


def test_a_cancelled_request_can_still_be_awaited(asking: LspClient) -> None:
    request = asking.start_request("never answered", {})
    assert asking.wait(request, 0.2) is None
    asking.cancel(request)
    response = asking.wait(request, 60)
    assert response is not None
    assert response.error is not None
    assert (response.error.code, response.error.message) == (-32800, "dropped")


def test_a_forgotten_requests_answer_is_dropped(asking: LspClient) -> None:
    request = asking.start_request("never answered", {})
    asking.forget(request)
    asking.cancel(request)
    ask_me(asking, "x/y", {})
    assert asking.wait(request, 0.01) is None


def test_notifications_are_kept_in_order_and_can_be_awaited(asking: LspClient) -> None:
    asking.notify("twice", None)
    found = asking.wait_notification("told", 60, lambda params: params["state"] == "second")
    assert found is not None
    assert [note.params["state"] for note in asking.notifications] == ["first", "second"]
    assert asking.wait_notification("told", 0.05, lambda params: False) is None


def test_closing_asks_the_server_to_go_and_gives_its_exit_code(tmp_path: Path) -> None:
    client = started(python(ASKING), tmp_path)
    ask_me(client, "x/y", {})
    assert client.close() == 3


def test_a_server_that_does_not_go_is_made_to_go(tmp_path: Path) -> None:
    client = started(python("import time; time.sleep(60)"), tmp_path)
    start = time.monotonic()
    assert client.close() < 0
    assert time.monotonic() - start < 20


def test_a_command_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="check --server"):
        started(["no-such-language-server"], tmp_path)


def test_a_server_that_never_answers_is_an_error_after_the_timeout(tmp_path: Path) -> None:
    wanted = pytest.raises(BenchError, match=r"an answer to initialize within 0\.3 s")
    with started(python("import sys; sys.stdin.read()"), tmp_path) as client, wanted:
        client.request("initialize", {}, 0.3)


def test_a_server_that_never_reads_blocks_no_one(tmp_path: Path) -> None:
    with started(python("import time; time.sleep(60)"), tmp_path) as client:
        client.notify("textDocument/didOpen", {"text": "x" * 1_000_000})
        with pytest.raises(BenchError, match="expected an answer"):
            client.request("initialize", {}, 0.3)


def test_a_server_that_dies_is_an_error_with_its_code_and_last_words(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('no licence\\n\\n'); sys.exit(9)"
    with started(python(code), tmp_path) as client:
        with pytest.raises(BenchError, match=r"exit code 9.*no licence"):
            client.request("initialize", {}, 60)
        with pytest.raises(BenchError, match="exit code 9"):
            client.notify("initialized", {})


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("Welcome!\\n", "Welcome"),
        ("Content-Length: 5\\r\\n\\r\\nhello", "JSON"),
        ("Content-Length: 20\\r\\n\\r\\n{}", "20 bytes"),
        ('Content-Length: 21\\r\\n\\r\\n{\\"id\\": 1, \\"error\\": 7}', "without"),
    ],
)
def test_a_server_that_prints_garbage_is_an_error(tmp_path: Path, printed: str, said: str) -> None:
    code = f'import sys; sys.stdout.write("{printed}"); sys.stdout.flush(); sys.stdin.read(9)'
    with started(python(code), tmp_path) as client, pytest.raises(BenchError, match=said):
        client.request("initialize", {}, 60)


def test_a_real_server_tells_its_name_encoding_and_way_of_syncing(tmp_path: Path) -> None:
    command = [sys.executable, str(SMALL_SERVER), "empty", ""]
    for encoding in Encoding:
        with started(command, tmp_path) as client:
            facts = initialize(client, Workspace(root=tmp_path, encodings=(encoding,)), 60)
        assert (facts.name, facts.version, facts.encoding) == ("small", "1.2", encoding)
        assert facts.incremental


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        {"capabilities": {}},
        {"capabilities": {"textDocumentSync": 0}},
        {"capabilities": 3},
    ],
)
def test_a_server_that_takes_no_edits_cannot_be_replayed(result: Any) -> None:
    with pytest.raises(BenchError, match="expected"):
        read_facts(result)


def test_sync_may_be_a_number_or_an_object() -> None:
    assert not read_facts({"capabilities": {"textDocumentSync": 1}}).incremental
    assert read_facts({"capabilities": {"textDocumentSync": {"change": 2}}}).incremental


def test_a_section_below_a_value_is_nothing() -> None:
    assert section_of({"a": 1}, "a.b") is None
