"""Clients that do not keep to the protocol, by real processes: all are answered."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest

from tests.raw_client import RawClient, document, dumps, framed, opening, place, statuses

if TYPE_CHECKING:
    from tests.e2e.conftest import Rules, Script

INLINE = "textDocument/inlineCompletion"
SETTLED_WITHIN = 6.0
"""Seconds: the server's patience for settings, and a machine that has other work."""
IMPOSSIBLE = ("file:///a/%00", "file:///a/\ud800")
"""Folders that no system can have."""


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """An engine with one answer."""
    return write_script([{"after": "ret", "completion": "urn a + b", "logprob": -0.1}])


def start(client: RawClient, folder: Path, script: "Script", **workspace: Any) -> None:
    """A session that has begun."""
    client.request(0, "initialize", opening(folder, script.options, **workspace))
    client.notify("initialized", {})


def ask(client: RawClient, number: int, uri: str, line: int = 0, character: int = 3) -> list[str]:
    """The texts that are suggested."""
    client.request(number, INLINE, place(uri, line, character))
    answer = client.wait_for(number)
    return [item["insertText"] for item in answer["result"]["items"]]


def shown(client: RawClient) -> list[str]:
    """What popped up."""
    notes = [m for m in client.received if m.get("method") == "window/showMessage"]
    return [note["params"]["message"] for note in notes]


def question(client: RawClient) -> Any:
    """The id of the server's question for settings."""
    asked = client.wait_until(lambda m: m.get("method") == "workspace/configuration")
    return asked["id"]


@pytest.mark.parametrize(
    "answer",
    [
        {"result": None},
        {"result": 7},
        {"result": {"lory": {}}},
        {"result": []},
        {"result": [None, None]},
        {"result": ["x"]},
        {"error": {"code": -32601, "message": "not known"}},
        {"error": "no"},
        {"error": None},
        {},
    ],
)
def test_settings_that_cannot_be_read_are_the_strictest_and_every_request_is_answered(
    tmp_path: Path, script: "Script", answer: dict[str, Any]
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with RawClient(tmp_path) as client:
        start(client, tmp_path, script, configuration=True)
        client.notify("textDocument/didOpen", document(uri, "ret"))
        client.request(1, INLINE, place(uri, 0, 3))
        client.send({"id": question(client), **answer})
        assert client.wait_for(1, SETTLED_WITHIN)["result"] == {"items": []}
        assert ask(client, 2, uri) == []
        client.wait_until(lambda m: m.get("params", {}).get("state") == "off", SETTLED_WITHIN)
        assert script.asked == []
    told = [*client.errors, *shown(client)]
    assert [line for line in told if "gives no settings" in line or "settings: exp" in line]


def test_a_client_that_never_gives_its_settings_is_answered_and_told_why_and_may_be_late(
    tmp_path: Path, script: "Script"
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with RawClient(tmp_path) as client:
        start(client, tmp_path, script, configuration=True)
        number = question(client)
        client.notify("textDocument/didOpen", document(uri, "ret"))
        client.request(1, INLINE, place(uri, 0, 3))
        assert client.wait_for(1, SETTLED_WITHIN)["result"] == {"items": []}
        assert ("off", "nothing is read: the editor has not given its settings") in statuses(
            client.received
        )
        client.request(2, "lory/explain", {"textDocument": {"uri": uri}})
        assert client.wait_for(2)["result"]["reason"] == "the editor has not given its settings"
        assert script.asked == []
        client.send({"id": number, "result": [None]})
        client.wait_until(lambda m: m.get("params", {}).get("state") == "ready")
        assert ask(client, 3, uri) == ["urn a + b"]
    assert "the editor gives no settings" in client.errors[-1]


@pytest.mark.parametrize(
    "folder",
    [
        *IMPOSSIBLE,
        "file:///a/%ED%A0%80",
        "scp://user@[host//x",
        "",
        "untitled:",
        "file:///" + "x" * 70_000,
    ],
)
def test_a_folder_that_cannot_be_one_keeps_nothing_from_being_served(
    tmp_path: Path, script: "Script", folder: str
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    params = opening(tmp_path, script.options)
    params["workspaceFolders"] = [{"uri": folder, "name": "x"}]
    params["workspaceFolders"] += [{"uri": tmp_path.as_uri(), "name": "y"}]
    with RawClient(tmp_path) as client:
        client.send_bytes(
            framed(dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
        )
        client.notify("initialized", {})
        client.notify("textDocument/didOpen", document(uri, "ret"))
        assert ask(client, 1, uri) == ["urn a + b"]
        event = {"added": [{"uri": folder, "name": "x"}], "removed": [{"uri": folder, "name": "x"}]}
        client.send_bytes(
            framed(
                dumps(
                    {
                        "jsonrpc": "2.0",
                        "method": "workspace/didChangeWorkspaceFolders",
                        "params": {"event": event},
                    }
                )
            )
        )
        assert ask(client, 2, uri) == ["urn a + b"]
        assert shown(client) == []
    told = [line for line in client.errors if "is left out: expected a path" in line]
    assert client.errors == told
    assert len(told) == 2 * (folder in IMPOSSIBLE)


@pytest.mark.parametrize(
    "uri",
    [
        "scp://user@[host//x/a.py",
        "file:///a/%00.py",
        "file:///a/%ED%A0%80.py",
        "untitled:",
        "untitled:Untitled-1",
        "vscode-notebook-cell:/x/n.ipynb#W0sZmlsZQ%3D%3D",
        "git:/x/a.py?%7B%22ref%22%3A%22%22%7D",
        "file:///c%3A/Users/x/a.py",
        "file:///C:/Users/x/a.py",
        "file://server/share/a.py",
        "a.py",
        "http://[::1",
        "file:///" + "a/" * 30_000 + "a.py",
        "\ud800",
    ],
)
def test_a_document_of_any_uri_is_completed_and_nothing_pops_up(
    tmp_path: Path, script: "Script", uri: str
) -> None:
    with RawClient(tmp_path) as client:
        start(client, tmp_path, script)

        def send(message: dict[str, Any]) -> None:
            client.send_bytes(framed(dumps({"jsonrpc": "2.0", **message})))

        send({"method": "textDocument/didOpen", "params": document(uri, "ret")})
        send({"id": 1, "method": INLINE, "params": place(uri, 0, 3)})
        answer = client.wait_for(1)
        assert [item["insertText"] for item in answer["result"]["items"]] == ["urn a + b"]
        changes = [{"uri": uri, "type": kind} for kind in (1, 2, 3)]
        send({"method": "workspace/didChangeWatchedFiles", "params": {"changes": changes}})
        send({"method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}})
        client.request(2, "lory/statistics")
        assert "result" in client.wait_for(2)
        assert shown(client) == []
    assert not [line for line in client.errors if "Traceback" in line]


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":7,"method":"lory/statistics","params":' + b"9" * 5000 + b"}",
        b'{"jsonrpc":"2.0","id":7,"method":"lory/statistics","params":' + b"[" * 100_000 + b"}",
        b'{"jsonrpc":"2.0","id":7,"method":"lory/statistics","params":'
        + (b"[" * 900 + b"]" * 900 + b"}"),
        b'{"jsonrpc":"2.0","id":7,"method":["x"]}',
        b'{"jsonrpc":"2.0","id":7,"method":null}',
        b'{"jsonrpc":"1.0","id":7,"method":"lory/statistics"}',
        b'{"id":7,"method":"lory/statistics"}',
        b'{"jsonrpc":"2.0","id":7.5,"method":"lory/statistics"}',
        b'{"jsonrpc":"2.0","id":[7],"method":"lory/statistics"}',
        b'[{"jsonrpc":"2.0","id":7,"method":"lory/statistics"}]',
    ],
)
def test_a_request_that_cannot_be_read_is_refused_once_and_the_next_one_is_answered(
    tmp_path: Path, script: "Script", body: bytes
) -> None:
    with RawClient(tmp_path) as client:
        start(client, tmp_path, script)
        client.wait_for(0)
        client.send_bytes(framed(body))
        client.request(8, "lory/statistics")
        assert "result" in client.wait_for(8)
        refused = [m for m in client.received if "error" in m]
        assert [message["id"] for message in refused] in ([7], [None])
        assert shown(client) == []


def test_half_a_character_in_a_document_stops_neither_it_nor_the_others(
    tmp_path: Path, script: "Script"
) -> None:
    bad, good, third = ((tmp_path / name).as_uri() for name in ("bad.py", "good.py", "c.py"))
    with RawClient(tmp_path) as client:
        start(client, tmp_path, script)
        text = "x = '\ud83d'\ny = '\udc00é'; ret"
        client.send_bytes(
            framed(
                dumps(
                    {
                        "jsonrpc": "2.0",
                        "method": "textDocument/didOpen",
                        "params": document(bad, text),
                    }
                )
            )
        )
        client.notify("textDocument/didOpen", document(good, "ret"))
        assert ask(client, 1, bad, 1, 13) == ["urn a + b"]
        assert ask(client, 2, good) == ["urn a + b"]
        sleep(0.5)  # `bad` is read for others
        client.notify("textDocument/didOpen", document(third, "ret"))
        assert ask(client, 3, third) == ["urn a + b"]
        assert ask(client, 4, good) == ["urn a + b"]
        assert shown(client) == []
    assert client.errors == []


def test_a_change_that_is_no_utf8_is_taken_and_the_document_does_not_drift(
    tmp_path: Path, script: "Script"
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with RawClient(tmp_path) as client:
        start(client, tmp_path, script)
        client.notify("textDocument/didOpen", document(uri, "\n"))
        change = dumps(
            {
                "jsonrpc": "2.0",
                "method": "textDocument/didChange",
                "params": {
                    "textDocument": {"uri": uri, "version": 2},
                    "contentChanges": [change_at(0, 0, "caf@\n\n\nret")],
                },
            }
        )
        client.send_bytes(framed(change.replace(b"@", b"\xe9")))
        assert ask(client, 1, uri, 3, 3) == ["urn a + b"]
        assert script.asked[-1]["prefix"].endswith("caf\ufffd\n\n\nret")


def change_at(line: int, character: int, text: str) -> dict[str, Any]:
    """An insertion."""
    at = {"line": line, "character": character}
    return {"range": {"start": at, "end": at}, "text": text}


def lost_changes(uri: str) -> list[bytes]:
    """Changes that cannot be read."""
    head = {"jsonrpc": "2.0", "method": "textDocument/didChange"}
    versioned = {"uri": uri, "version": 2}
    at = {"line": -1, "character": 0}
    unreadable: list[Any] = [
        {"range": {"start": at, "end": at}, "text": "x"},
        {"range": {"start": {"line": 0}}, "text": "x"},
        {"range": "all", "text": "x"},
        {"range": None, "text": 7},
        7,
    ]
    bodies = [
        dumps({**head, "params": {"textDocument": versioned, "contentChanges": [change]}})
        for change in unreadable
    ]
    whole = dumps({**head, "params": {"textDocument": versioned, "contentChanges": []}})
    return [*bodies, whole[:-1], whole.replace(b"2", b"9" * 5000)]


@pytest.mark.parametrize("number", range(7))
def test_a_document_whose_change_was_lost_is_not_answered_from_until_it_is_opened_anew(
    tmp_path: Path, script: "Script", number: int
) -> None:
    uri, other = ((tmp_path / name).as_uri() for name in ("a.py", "b.py"))
    with RawClient(tmp_path) as client:
        start(client, tmp_path, script)
        for name in (uri, other):
            client.notify("textDocument/didOpen", document(name, "ret"))
            assert ask(client, 1 + (name == other), name) == ["urn a + b"]
        client.send_bytes(framed(lost_changes(uri)[number]))
        client.request(3, INLINE, place(uri, 0, 3))
        assert client.wait_for(3)["result"] == {"items": []}
        client.request(4, "lory/explain", {"textDocument": {"uri": uri}})
        assert client.wait_for(4)["result"]["reason"] == "a change of it could not be read"
        client.notify("textDocument/didChange", whole_change(uri, "ret"))
        client.request(5, INLINE, place(uri, 0, 3))
        assert client.wait_for(5)["result"] == {"items": []}
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        client.notify("textDocument/didOpen", document(uri, "ret"))
        assert ask(client, 6, uri) == ["urn a + b"]
        expected = ["urn a + b"] if number < 5 else []  # nobody knows whose change that was
        client.request(7, INLINE, place(other, 0, 3))
        found = client.wait_for(7)["result"]["items"]
        assert [item["insertText"] for item in found] == expected


def whole_change(uri: str, text: str) -> dict[str, Any]:
    """The parameters of a `didChange` that is the whole text."""
    return {"textDocument": {"uri": uri, "version": 3}, "contentChanges": [{"text": text}]}


def test_an_opening_that_is_answered_and_then_cannot_be_read_is_a_session_all_the_same(
    tmp_path: Path, script: "Script"
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    params = opening(tmp_path, script.options)
    params["processId"], params["rootUri"], params["workspaceFolders"] = "x", 5, [{"uri": 5}]
    params["capabilities"]["workspace"] = 7
    with RawClient(tmp_path) as client:
        client.request(0, "initialize", params)
        client.notify("initialized", {})
        client.notify("textDocument/didOpen", document(uri, "ret"))
        assert ask(client, 1, uri) == ["urn a + b"]
        assert len(client.answers(0)) == 1


@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": 7}, {"params": {"x": 1}}])
def test_a_beginning_without_proper_parameters_is_one(
    tmp_path: Path, script: "Script", params: dict[str, Any]
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with RawClient(tmp_path) as client:
        client.request(0, "initialize", opening(tmp_path, script.options))
        client.send({"method": "initialized", **params})
        client.notify("textDocument/didOpen", document(uri, "ret"))
        assert ask(client, 1, uri) == ["urn a + b"]
        client.send({"id": 2, "method": "lory/statistics"})
        assert "result" in client.wait_for(2)


def test_a_client_that_never_begins_is_answered_all_the_same(
    tmp_path: Path, script: "Script"
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with RawClient(tmp_path) as client:
        client.request(0, "initialize", opening(tmp_path, script.options))
        client.notify("textDocument/didOpen", document(uri, "ret"))
        assert ask(client, 1, uri) == []
        client.notify("initialized", {})
        client.wait_until(lambda m: m.get("params", {}).get("state") == "ready")
        assert ask(client, 2, uri) == ["urn a + b"]


@pytest.mark.alone
def test_an_answer_to_nothing_that_was_asked_changes_nothing(
    tmp_path: Path, script: "Script"
) -> None:
    uri = (tmp_path / "a.py").as_uri()
    with RawClient(tmp_path) as client:
        start(client, tmp_path, script)
        client.notify("textDocument/didOpen", document(uri, "ret"))
        client.request(1, INLINE, place(uri, 0, 3))
        client.send({"id": 1, "result": None}, {"id": 1, "error": {"code": 1, "message": "x"}})
        client.send({"id": "x", "result": 1}, {"id": None, "result": 1})
        assert client.wait_for(1)["result"]["items"]
        begun = monotonic()
        client.request(2, "shutdown")
        client.notify("exit")
        client.process.wait(5)
        assert monotonic() - begun < 2
        assert client.process.returncode == 0
        assert shown(client) == []
