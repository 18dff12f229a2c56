"""Why nothing was shown, asked of a real server: each station at which a request can stop."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

RULES: list[dict[str, Any]] = [
    {"after": "ret", "completion": "urn a + b", "logprob": -0.1},
    {"after": "slow", "completion": "ly done", "delay_ms": 20_000},
    {"after": "unsure", "completion": "ly", "logprob": -0.6},
    {"after": "doubt", "completion": "ful", "logprob": -2.0},
    {"after": "pair(", "completion": ")"},
    {"after": "short", "completion": "!"},
    {"after": "error", "error": "no luck today"},
]
INVALID_PARAMS = -32602
PATIENCE = 30.0
CONFIGURED = {
    "workspace": {"configuration": True},
    "experimental": {"loryStatus": True},
    "textDocument": {"inlineCompletion": {}},
}
NEVER = "**/.env*"


def at(line: int, character: int) -> dict[str, int]:
    """An LSP position."""
    return {"line": line, "character": character}


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """The rules of this module."""
    return write_script(RULES)


@pytest.fixture
def editor(start_editor: "StartEditor", script: "Script") -> "Editor":
    """An editor with those rules, the engine ready."""
    editor = start_editor()
    capabilities = editor.initialize(script.options)
    assert capabilities["experimental"]["loryExplain"] is True
    assert "lory.explain" in capabilities["executeCommandProvider"]["commands"]
    editor.wait_status("ready")
    return editor


def start_explaining(editor: "Editor", name: str = "a.py", position: Any = None) -> int:
    """Ask why without waiting."""
    params = {"textDocument": {"uri": editor.uri(name)}, "position": position}
    return editor.client.start_request("lory/explain", params)


def explain(editor: "Editor", name: str = "a.py", position: Any = None) -> dict[str, Any]:
    """The answer to `lory/explain`."""
    response = editor.wait(start_explaining(editor, name, position))
    assert response.error is None
    told: dict[str, Any] = response.result
    assert list(told) == ["summary", "read", "reason", "state", "message", "request"]
    return told


def last_station(told: dict[str, Any]) -> tuple[str, str]:
    """Name and verdict of the last station of the explained request."""
    station = told["request"]["stations"][-1]
    return station["station"], station["verdict"]


STOPPED = [
    (
        "unsure",
        "filter likely",
        "'ly' is 55% likely, below min_probability 65%; lower min_probability to see it",
    ),
    (
        "doubt",
        "filter likely",
        "'ful' is 14% likely, below min_probability 65%; lower min_probability to see it",
    ),
    (
        "pair()",
        "engine",
        "the engine has no text to suggest here: the line or block was complete",
    ),
    (
        "short",
        "filter blank",
        "'!' is shorter than min_characters 3; lower min_characters to see it",
    ),
    ("error", "engine", "the engine failed: no luck today"),
    ("nothing", "engine", "the engine has nothing to suggest here"),
]


@pytest.mark.parametrize("menu", [False, True])
def test_a_request_that_shows_nothing_names_the_station_that_stopped_it(
    start_editor: "StartEditor", script: "Script", menu: bool
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "menu": "on"})
    for text, station, detail in STOPPED:
        name, column = f"{station}.py", len(text.removesuffix(")"))
        editor.open(text, name)
        assert editor.ask(0, column, name, menu=menu) == []
        told = explain(editor, name, at(0, column))
        assert told["summary"] == f"Nothing was shown: {detail}."
        assert last_station(told) == (station, "stopped")
        assert (told["read"], told["reason"], told["state"]) == (True, "", "ready")
        assert told["request"]["position"] == at(0, column)
        assert told["request"]["shown"] == []


def test_a_request_that_shows_something_tells_what_and_how_likely(editor: "Editor") -> None:
    editor.open("ret")
    editor.ask(0, 3)
    told = explain(editor)
    assert told["summary"] == "Shown: 'urn a + b', 90% likely."
    names = [station["station"] for station in told["request"]["stations"]]
    filters = ["filter likely", "filter repeats", "filter blank"]
    assert names == ["document", "request", "model", "prompt", "engine", *filters, "offered"]
    assert told["request"]["shown"] == ["urn a + b"]
    assert told["request"]["ageMs"] >= 0
    assert told["message"].startswith("scripted 1, engine scripted")


def test_what_is_typed_along_is_told_to_come_from_memory(editor: "Editor") -> None:
    editor.open("ret")
    editor.ask(0, 3)
    editor.type("ur", 0, 3)
    assert editor.ask(0, 5) == ["n a + b"]
    [_, request, *_] = explain(editor)["request"]["stations"]
    assert "from memory" in request["detail"]
    assert "2 characters before" in request["detail"]


@pytest.mark.parametrize(
    ("options", "name", "language", "reason", "advice"),
    [
        ({"languages": {}}, "a.rs", "rust", "language 'rust' is off", "add 'rust' to languages"),
        ({}, ".env.py", "python", f"excluded by {NEVER!r}", "files of passwords and keys"),
        ({"exclude": ["own/**"]}, "own/a.py", "python", "excluded by 'own/**'", "of exclude"),
        ({"enabled": False}, "a.py", "python", "lory is turned off", "set enabled to true"),
    ],
)
def test_a_document_that_is_not_read_tells_why_and_what_to_change(
    start_editor: "StartEditor",
    script: "Script",
    options: dict[str, Any],
    name: str,
    language: str,
    reason: str,
    advice: str,
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, **options})
    editor.wait_status("ready" if options.get("enabled", True) else "off")
    editor.open("ret", name, language)
    assert editor.ask(0, 3, name) == []
    told = explain(editor, name, at(0, 3))
    assert (told["read"], told["reason"], told["request"]) == (False, reason, None)
    assert told["summary"].startswith(f"Nothing is shown here: {reason}; ")
    assert advice in told["summary"]


def test_a_language_that_the_model_does_not_know_is_answered_by_the_projects_engine(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    editor.initialize(script.options)
    editor.open("let alpha = beta;\n" * 4 + "let alpha", "a.rs", "rust")
    assert editor.ask(4, 9, "a.rs") == [" = beta;"]
    (model,) = [
        s for s in explain(editor, "a.rs")["request"]["stations"] if s["station"] == "model"
    ]
    assert model["detail"] == "engine project, without a model, in rust"


def test_nothing_is_kept_of_a_document_that_is_closed_or_may_not_be_read_any_more(
    editor: "Editor", script: "Script"
) -> None:
    editor.open("ret")
    editor.ask(0, 3)
    settings = {"settings": {"lory": {"exclude": ["a.py"]}}}
    editor.client.notify("workspace/didChangeConfiguration", settings)
    told = explain(editor)
    assert (told["reason"], told["request"]) == ("excluded by 'a.py'", None)
    editor.client.notify("workspace/didChangeConfiguration", {"settings": {"lory": {}}})
    told = explain(editor)
    assert (told["reason"], told["request"]) == ("not read since it was turned off", None)
    editor.client.notify("textDocument/didClose", {"textDocument": {"uri": editor.uri("a.py")}})
    told = explain(editor)
    assert (told["reason"], told["request"]) == ("not open", None)


def test_a_request_elsewhere_is_not_taken_for_one_at_the_cursor(editor: "Editor") -> None:
    editor.open("ret\nslow")
    assert explain(editor)["summary"] == "No request was made in this document yet."
    editor.ask(0, 3)
    told = explain(editor, position=at(0, 1))
    assert told["summary"] == "No request was made here yet; the last one was at line 1, column 4."
    assert told["request"] is None
    slow = editor.start(1, 4)
    told = explain(editor, position=at(1, 4))
    assert told["summary"] == "Nothing is shown yet: the engine is still at work."
    editor.ask(0, 3)
    assert editor.wait(slow).result is None
    told = explain(editor, position=at(1, 99))
    assert told["summary"] == (
        "Nothing was shown: a later request, at line 1, column 4, superseded the one made here."
    )


def test_a_cancelled_request_says_so(editor: "Editor") -> None:
    editor.open("slow")
    slow = editor.start(0, 4)
    assert explain(editor)["summary"] == "Nothing is shown yet: the engine is still at work."
    editor.client.cancel(slow)
    assert editor.wait(slow).error is not None
    told = explain(editor)
    assert told["summary"].startswith("Nothing was shown: the editor cancelled the request after ")
    assert last_station(told) == ("request", "stopped")


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_a_request_for_a_menu_without_suggestions_tells_the_setting_that_says_so(
    start_editor: "StartEditor", script: "Script", mode: str
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "menu": mode})
    editor.open("x = 1\nret\n")
    editor.open("KEY=", ".env.py")
    assert editor.ask(0, 2, menu=True) == []
    told = explain(editor, position=at(0, 2))
    assert told["summary"] == (
        f"Nothing was shown: menu {mode!r} keeps suggestions out of this editor's completion "
        "menu; set menu to 'on' to have them there."
    )
    assert last_station(told) == ("menu", "stopped")
    assert editor.ask(1, 3)
    assert editor.ask(1, 3, menu=True) == []
    assert explain(editor)["summary"].startswith("Shown: ")
    assert editor.ask(0, 4, ".env.py", menu=True) == []
    assert explain(editor, ".env.py")["request"] is None
    assert script.asked[0]["prefix"] == "x = 1\nret"


def test_a_request_that_waits_for_the_model_says_how_far_it_has_loaded(
    start_editor: "StartEditor", script: "Script"
) -> None:
    rules = script.rules.read_text()
    script.rules.unlink()
    os.mkfifo(script.rules)  # the engine does not start before somebody writes there
    editor = start_editor()
    editor.initialize(script.options)
    editor.open("ret")
    request = editor.start(0, 3)
    loading = editor.client.wait_notification(
        "lory/status", PATIENCE, lambda params: params["percent"] == 50
    )
    assert loading is not None
    told = explain(editor)
    assert told["summary"] == (
        "Nothing is shown yet: the model is loading, 50 %: starting the engine."
    )
    assert (told["state"], last_station(told)) == ("loading", ("model", "stopped"))
    script.rules.write_text(rules)
    assert editor.wait(request).result["items"]


def test_a_request_that_waits_for_the_settings_says_so(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor, explained = start_editor(), []

    def tell(_: Any) -> list[Any]:
        editor.open("ret")
        editor.start(0, 3)
        explained.append(start_explaining(editor))  # stands before the settings
        return [{}]

    editor.client.handlers["workspace/configuration"] = tell
    editor.initialize(script.options, CONFIGURED)
    editor.wait_status("ready")
    told = editor.wait(explained[0]).result
    assert told["summary"] == "Nothing is shown yet: the editor has not told its settings yet."


def test_a_model_that_could_not_be_loaded_is_what_the_request_stopped_at(
    start_editor: "StartEditor", script: "Script", tmp_path: Path
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "bundle": str(tmp_path / "none")})
    editor.open("ret")
    assert editor.ask(0, 3) == []
    told = explain(editor)
    assert told["summary"].startswith("Nothing was shown: no model is loaded: ")
    assert str(tmp_path / "none") in told["summary"]
    assert (told["state"], last_station(told)) == ("error", ("model", "stopped"))


def test_the_command_gives_the_same_and_shows_its_summary(editor: "Editor") -> None:
    editor.open("unsure")
    editor.ask(0, 6)
    for arguments in ([editor.uri("a.py")], [editor.uri("a.py"), at(0, 6)]):
        params = {"command": "lory.explain", "arguments": arguments}
        told = editor.client.request("workspace/executeCommand", params, PATIENCE).result
        expected = explain(editor)
        for answer in (told, expected):
            del answer["request"]["ageMs"]
        assert told == expected
        assert editor.messages[-1] == f"Lory: {told['summary']}"
    assert len(editor.messages) == 2


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        (
            "workspace/executeCommand",
            {"command": "lory.unheard", "arguments": []},
            "unknown command 'lory.unheard'; known are: lory.explain, lory.suggestionAccepted",
        ),
        ("workspace/executeCommand", {"command": "lory.explain"}, "expected a document's URI"),
        ("lory/explain", None, "expected a document's URI"),
        ("lory/explain", {"textDocument": {"uri": 7}}, "expected a document's URI"),
        (
            "lory/explain",
            {"textDocument": {"uri": "file:///a.py"}, "position": {"line": -1, "character": 0}},
            "expected a document's URI",
        ),
    ],
)
def test_a_question_that_makes_no_sense_is_one_clear_error(
    editor: "Editor", method: str, params: Any, said: str
) -> None:
    error = editor.client.request(method, params, PATIENCE).error
    assert error is not None
    assert error.code == INVALID_PARAMS
    assert said in error.message
    assert "\n" not in error.message
    assert editor.messages == []


def test_explaining_tells_nothing_of_other_documents(editor: "Editor") -> None:
    editor.open("ret")
    editor.open("x = 1", "b.py")
    editor.ask(0, 3)
    assert "urn" not in json.dumps(explain(editor, "b.py"))
