"""What the server counts of requests, and how many suggestions a request gets."""

import json
from collections.abc import Callable
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

RULES: list[dict[str, Any]] = [
    {"after": "ret", "completion": "urn secret_total"},
    {"after": "slow", "completion": "ly done", "delay_ms": 20_000},
]
INVOKED = 1


@pytest.fixture
def editor(start_editor: "StartEditor", write_script: "Callable[[Rules], Script]") -> "Editor":
    """An editor with these rules, one document open and the engine ready."""
    editor = start_editor()
    capabilities = editor.initialize(write_script(RULES).options)
    assert capabilities["experimental"]["loryStatistics"] is True
    editor.open("ret\n\nslow\n")
    editor.wait_status("ready")
    return editor


def statistics(editor: "Editor") -> dict[str, Any]:
    """The server's counters."""
    response = editor.client.request("lory/statistics", None, 10)
    assert response.error is None
    found: dict[str, Any] = response.result
    return found


def test_requests_are_counted_by_what_became_of_them(editor: "Editor") -> None:
    assert editor.ask(0, 3) == ["urn secret_total"]
    editor.type("u", 0, 3)
    assert editor.ask(0, 4) == ["rn secret_total"]
    superseded = editor.start(2, 4)
    assert editor.client.wait(superseded, 0.2) is None
    cancelled = editor.start(2, 3)
    assert editor.wait(superseded).result is None
    editor.ask(0, 4)
    assert editor.wait(cancelled).result in (None, {"items": []})
    slow = editor.start(2, 4)
    assert editor.client.wait(slow, 0.2) is None
    editor.client.cancel(slow)
    assert editor.wait(slow).error is not None
    found = statistics(editor)
    assert found["requests"] == 6
    assert found["from_memory"] == sum(found["memory_ms"]["counts"]) == 2
    assert found["superseded"] in (1, 2)
    assert found["cancelled"] == 1
    assert 2 <= found["engine_runs"] <= 4


def test_counters_tell_nothing_of_texts(editor: "Editor") -> None:
    editor.ask(0, 3)
    told = json.dumps(statistics(editor))
    assert "secret" not in told
    assert "a.py" not in told


def test_an_explicit_request_is_not_answered_by_what_typing_asked_for(
    editor: "Editor",
) -> None:
    def ask(kind: int) -> Any:
        params = {
            "textDocument": {"uri": editor.uri("a.py")},
            "position": {"line": 0, "character": 3},
            "context": {"triggerKind": kind},
        }
        request = editor.client.start_request("textDocument/inlineCompletion", params)
        return editor.wait(request).result["items"]

    runs = []
    for kind in (2, 2, INVOKED, INVOKED, 2):
        assert len(ask(kind)) == 1
        runs.append(statistics(editor)["engine_runs"])
    assert runs == [1, 1, 2, 2, 2]


def test_typing_can_be_offered_several_and_typing_along_asks_the_engine_no_more(
    start_editor: "StartEditor",
) -> None:
    editor = start_editor()
    editor.initialize({"alternatives_when_typing": 3, "min_probability": 0.0})
    editor.open("def f(x):\n" + "    x.alpha_one()\n    x.beta_two()\n" * 4 + "    x.")
    offered = editor.ask(9, 6)
    assert len(set(offered)) == len(offered) > 1
    editor.type(offered[0][0], 9, 6)
    assert editor.ask(9, 7)
    assert statistics(editor)["engine_runs"] == 1


def test_a_cancelled_request_frees_the_engine_within_a_step(
    start_editor: "StartEditor",
) -> None:
    editor = start_editor()
    editor.initialize({"min_probability": 0.0, "max_tokens": 1024, "max_lines": 200})
    editor.wait_status("ready")
    editor.open("VALUES = [\n" + "    'some text of the list',\n" * 40 + "    ")
    steps = 0
    for attempt in range(20):  # some places are answered before they can be cancelled
        editor.type(f"'{attempt}',\n    ", 41, 4)
        request = editor.start(42, 4)
        wait_for_steps(editor, steps)
        editor.client.cancel(request)
        error = editor.wait(request).error
        before = statistics(editor)["engine"]["steps"]
        sleep(0.1)
        steps = statistics(editor)["engine"]["steps"]
        assert steps - before <= 1
        if error is not None:
            return
    pytest.fail("no request was still being answered when it was cancelled")


def wait_for_steps(editor: "Editor", steps: int) -> None:
    """Return once the engine has taken more steps than these."""
    for _ in range(500):
        if statistics(editor)["engine"]["steps"] > steps + 1:
            return
        sleep(0.002)
