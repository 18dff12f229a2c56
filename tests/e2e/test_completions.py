"""What an editor gets: ghost text and menu entries from a real server with the scripted engine."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

CANCELLED = -32800
ADD = "def add(a, b):\n    ret\n\nslow\n"
RULES: list[dict[str, Any]] = [
    {"after": "    ret", "completion": "urn a + b", "logprob": -0.1},
    {"after": "slow", "completion": "ly done", "delay_ms": 20_000},
    {"after": "unsure", "completion": " of it all", "logprob": -0.6},
    {"after": "pair(", "completion": "x, y)"},
    {"after": "return a", "completion": " + b + c"},
    {"after": "def f():\n    ", "completion": "value = 1\n    return value\n\ndef g()"},
    {"after": "x = 1\n", "completion": "y = 2\nz = 3\n"},
    {"after": "sel", "completion": "WRONG"},
    {"after": "selected", "completion": "_item()"},
    {"after": "error", "error": "no luck today"},
]


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """The rules of this module."""
    return write_script(RULES)


@pytest.fixture
def editor(start_editor: "StartEditor", script: "Script") -> "Editor":
    """An editor with those rules, one document open."""
    editor = start_editor()
    editor.initialize(script.options)
    editor.open(ADD)
    return editor


def test_ghost_text_goes_on_from_the_cursor(editor: "Editor", script: "Script") -> None:
    result = editor.wait(editor.start(1, 7)).result
    place = {"line": 1, "character": 7}
    span = {"start": place, "end": place}
    assert result == {"items": [{"insertText": "urn a + b", "range": span}]}
    asked = {"path": "a.py", "prefix": "def add(a, b):\n    ret", "suffix": "\n\nslow\n"}
    assert script.asked == [asked]


def test_ghost_text_and_incremental_sync_are_announced(
    start_editor: "StartEditor", script: "Script"
) -> None:
    capabilities = start_editor().initialize(script.options)
    assert capabilities["inlineCompletionProvider"] == {}
    assert capabilities["textDocumentSync"]["change"] == 2
    assert capabilities["textDocumentSync"]["openClose"] is True
    assert "." in capabilities["completionProvider"]["triggerCharacters"]


@pytest.mark.parametrize(
    ("offered", "chosen", "character"),
    [
        (["utf-8", "utf-16"], "utf-8", 16),
        (["utf-16", "utf-8"], "utf-16", 11),
        (["utf-32", "utf-8"], "utf-32", 10),
        (["utf-7", "utf-8"], "utf-8", 16),
        (["utf-7"], "utf-16", 11),
        (None, "utf-16", 11),
    ],
)
def test_positions_count_in_the_clients_first_encoding(
    start_editor: "StartEditor",
    script: "Script",
    offered: list[str] | None,
    chosen: str,
    character: int,
) -> None:
    editor = start_editor()
    general = {"general": {"positionEncodings": offered}} if offered else {}
    found = editor.initialize(script.options, {**general, "textDocument": {"inlineCompletion": {}}})
    assert found["positionEncoding"] == chosen
    editor.open("é = '漢\U0001f60b', pair(")
    line_end = len("é = '漢\U0001f60b', pair(".encode()) if chosen == "utf-8" else 99
    assert editor.ask(0, line_end) == ["x, y)"]
    editor.type("!", 0, character)
    editor.ask(0, 99)
    assert script.asked[-1]["prefix"].index("!") == 10


def test_typing_along_gets_the_rest_without_the_engine(editor: "Editor", script: "Script") -> None:
    assert editor.ask(1, 7) == ["urn a + b"]
    for number, letter in enumerate("urn a +"):
        editor.type(letter, 1, 7 + number)
        assert editor.ask(1, 8 + number) == ["urn a + b"[number + 1 :]]
    assert len(script.asked) == 1


def test_answers_have_plain_line_ends_and_the_file_s_own_levels(
    editor: "Editor", script: "Script"
) -> None:
    editor.open("import os\r\n\r\ndef f():\r\n\t\r\n\r\nif os:\r\n\tpass\r\n", "tabs.py")
    assert editor.ask(3, 1, "tabs.py") == ["value = 1\n\treturn value"]
    prefix = "import os\n\ndef f():\n    "
    assert script.asked[-1] == {
        "path": "tabs.py",
        "prefix": prefix,
        "suffix": "\n\nif os:\n    pass\n",
    }
    editor.type("value = 1\r\n\tret", 3, 1, "tabs.py")
    assert editor.ask(4, 4, "tabs.py") == ["urn value"]
    assert len(script.asked) == 1


def test_a_menu_s_entry_has_plain_line_ends_too(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    editor.initialize(script.options, {})
    editor.open("def f():\r\n  \r\nif a:\r\n  b()\r\n")
    item = editor.wait(editor.start(1, 2, menu=True)).result["items"][0]
    assert item["textEdit"]["newText"] == "value = 1\n  return value"


@pytest.mark.alone
def test_typing_along_is_answered_before_one_could_notice(
    editor: "Editor", measure: Callable[[Callable[[], object]], float]
) -> None:
    assert editor.ask(1, 7) == ["urn a + b"]
    editor.type("u", 1, 7)
    assert measure(lambda: editor.ask(1, 8)) < 0.02


def test_typing_something_else_asks_the_engine_again(editor: "Editor", script: "Script") -> None:
    assert editor.ask(1, 7) == ["urn a + b"]
    editor.type("x", 1, 7)
    assert editor.ask(1, 8) == []
    assert len(script.asked) == 2


def test_a_change_behind_the_cursor_asks_the_engine_again(
    editor: "Editor", script: "Script"
) -> None:
    assert editor.ask(1, 7) == ["urn a + b"]
    editor.type("#", 3, 0)
    assert editor.ask(1, 7) == ["urn a + b"]
    assert len(script.asked) == 2


def test_a_later_request_supersedes_the_earlier_one_at_once(editor: "Editor") -> None:
    first = editor.start(3, 4)
    second = editor.start(1, 7)
    superseded = editor.wait(first)
    assert (superseded.result, superseded.error) == (None, None)
    assert editor.wait(second).result["items"][0]["insertText"] == "urn a + b"


def test_ghost_text_and_menu_at_one_place_share_an_answer(
    start_editor: "StartEditor", write_script: "Callable[[Rules], Script]"
) -> None:
    script = write_script([{"after": "ret", "completion": "urn", "delay_ms": 300}])
    editor = start_editor()
    editor.initialize({**script.options, "menu": "on"})
    editor.open("ret")
    ghost, menu = editor.start(0, 3), editor.start(0, 3, menu=True)
    editor.client.cancel(ghost)
    assert editor.wait(menu).result["items"][0]["label"] == "return"
    assert editor.wait(ghost).error is not None
    assert len(script.asked) == 1


def test_a_request_for_another_document_supersedes_nothing(editor: "Editor") -> None:
    editor.open("x = 1\n", "b.py")
    slow = editor.start(3, 4)
    other = editor.start(1, 0, "b.py")
    editor.client.cancel(slow)
    assert editor.wait(other).result["items"][0]["insertText"] == "y = 2"


def test_a_cancelled_request_stops_the_engine_and_says_so(editor: "Editor") -> None:
    assert editor.ask(1, 7)
    slow = editor.start(3, 4)
    assert editor.client.wait(slow, 0.2) is None
    editor.client.cancel(slow)
    error = editor.wait(slow).error
    assert error is not None
    assert error.code == CANCELLED
    editor.open("x = 1\n", "b.py")
    assert editor.ask(1, 0, "b.py") == ["y = 2"]  # 20 s too late, did the engine not stop


def test_edits_are_taken_while_the_engine_works(editor: "Editor", script: "Script") -> None:
    slow = editor.start(3, 4)
    assert editor.client.wait(slow, 0.2) is None
    editor.type("\nx = 1\n", 3, 4)
    assert editor.ask(5, 0) == ["y = 2"]
    assert editor.wait(slow).result is None


def test_every_one_of_many_requests_is_answered(editor: "Editor") -> None:
    requests = []
    for number in range(60):
        editor.type("r", 2, number)
        requests.append(editor.start(1, 7))
    responses = [editor.wait(request) for request in requests]
    assert all(response.error is None for response in responses)
    assert responses[-1].result["items"][0]["insertText"] == "urn a + b"


def test_nothing_is_an_empty_list_and_not_null(editor: "Editor") -> None:
    assert editor.wait(editor.start(2, 0)).result == {"items": []}
    assert editor.wait(editor.start(0, 0, "unopened.py")).result == {"items": []}


def test_text_that_is_wrong_more_often_than_right_is_not_shown(editor: "Editor") -> None:
    editor.open("unsure", "b.py")
    assert editor.ask(0, 6, "b.py") == [" of it"]  # e^-0.4 for four of its six tokens


def test_what_the_editor_has_closed_already_is_not_repeated(editor: "Editor") -> None:
    editor.open("pair()", "b.py")
    assert editor.ask(0, 5, "b.py") == ["x, y"]


def test_a_missing_body_gets_a_block_and_a_statement_gets_a_line(editor: "Editor") -> None:
    editor.open("def f():\n    \n\n\nx = 1\n", "b.py")
    assert editor.ask(1, 4, "b.py") == ["value = 1\n    return value"]
    assert editor.ask(5, 0, "b.py") == ["y = 2"]


def test_a_selected_menu_entry_is_gone_on_from(editor: "Editor") -> None:
    editor.open("sel", "b.py")
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
    selected = {"range": span, "text": "selected"}
    [item] = editor.wait(editor.start(0, 3, "b.py", selected=selected)).result["items"]
    assert item == {"insertText": "selected_item()", "range": span}
    editor.open("nothing", "c.py")
    assert editor.ask(0, 3, "c.py", selected={"range": span, "text": "none"}) == []


def test_a_form_feed_does_not_shift_lines(editor: "Editor", script: "Script") -> None:
    editor.open("a = 1\n\fb = '\u2028'\nret\n", "b.py")
    editor.type("    ", 2, 0, "b.py")
    assert editor.ask(2, 7, "b.py") == ["urn a + b"]
    assert script.asked[-1]["prefix"] == "a = 1\n\fb = '\u2028'\n    ret"


def test_an_engine_that_fails_is_reported_once_and_answers_nothing(editor: "Editor") -> None:
    editor.open("error", "b.py")
    assert editor.ask(0, 5, "b.py") == []
    assert editor.ask(0, 5, "b.py") == []
    assert editor.messages == ["Lory: no luck today"]
    assert editor.ask(1, 7) == ["urn a + b"]


@pytest.mark.parametrize(
    ("capabilities", "menu", "shown"),
    [
        ({"textDocument": {"inlineCompletion": {}}}, "auto", False),
        ({}, "auto", True),
        ({"textDocument": {"inlineCompletion": {}}}, "on", True),
        ({}, "off", False),
    ],
)
def test_the_menu_has_suggestions_where_there_is_no_ghost_text_or_it_is_turned_on(
    start_editor: "StartEditor",
    script: "Script",
    capabilities: dict[str, Any],
    menu: str,
    shown: bool,
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "menu": menu}, capabilities)
    editor.open(ADD)
    result = editor.wait(editor.start(1, 7, menu=True)).result
    assert result["isIncomplete"] is shown
    if shown:
        [item] = result["items"]
        start, end = {"line": 1, "character": 4}, {"line": 1, "character": 7}
        edit = {"range": {"start": start, "end": end}, "newText": "return a + b"}
        assert item["textEdit"] == edit
        assert (item["label"], item["filterText"], item["detail"]) == (
            *("return a + b", "return a + b"),
            "Lory",
        )
    else:
        assert result["items"] == []


@pytest.mark.parametrize("menu", [False, True])
def test_a_blank_candidate_is_no_suggestion_whatever_filters_are_set(
    start_editor: "StartEditor", write_script: "Callable[[Rules], Script]", menu: bool
) -> None:
    script = write_script([{"after": "ret", "completion": "   ", "logprob": -0.1}])
    editor = start_editor()
    editor.initialize({**script.options, "filters": [], "menu": "on"})
    editor.open("def f():\n    ret")
    answer = editor.wait(editor.start(1, 7, menu=menu))
    assert answer.error is None
    assert answer.result["items"] == []
    assert script.asked


def test_a_menu_entry_of_several_lines_shows_its_first(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    editor.initialize(script.options, {})
    editor.open("def f():\n    ")
    [item] = editor.wait(editor.start(1, 4, menu=True)).result["items"]
    assert item["label"] == "value = 1"
    assert item["documentation"] == item["textEdit"]["newText"] == "value = 1\n    return value"
