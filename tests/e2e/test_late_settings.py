"""Documents opened before the client has answered for its settings, by real server processes."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

PATIENCE = 30.0
CONFIGURED = {
    "workspace": {"configuration": True},
    "experimental": {"loryStatus": True},
    "textDocument": {"inlineCompletion": {}},
}


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """The rules of this module."""
    return write_script([{"after": "ret", "completion": "urn a + b", "logprob": -0.44}])


def reason(editor: "Editor") -> str:
    """Why `a.py` is not read; "" where it is."""
    return str(editor.explain()["reason"])


def eventually(check: Callable[[], bool]) -> bool:
    """Whether something comes true within a while."""
    deadline = time.monotonic() + PATIENCE
    while not check() and time.monotonic() < deadline:
        time.sleep(0.02)
    return check()


def open_before_settings(
    editor: "Editor", options: dict[str, Any], settings: list[dict[str, Any]]
) -> None:
    """Open and edit `a.py`, then give the settings that the server asked for, one an answer."""

    def tell(_: Any) -> list[Any]:
        if len(settings) > 1:
            return [settings.pop()]
        editor.open("re")
        editor.type("t", 0, 2)
        return list(settings)

    editor.client.handlers["workspace/configuration"] = tell
    editor.initialize({"min_probability": 0.1, **options}, CONFIGURED)
    editor.wait_status("ready")


def test_a_document_opened_before_the_settings_come_is_read_once_they_turn_its_language_on(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    options = {**script.options, "languages": {}}
    open_before_settings(editor, options, [{"languages": {"python": True}}])
    assert eventually(lambda: not reason(editor))
    assert editor.ask(0, 3) == ["urn a + b"]
    editor.type("\nret", 0, 3)
    assert editor.ask(1, 3) == ["urn a + b"]


@pytest.mark.parametrize(
    ("options", "settings", "why"),
    [
        ({"languages": {}}, {}, "language 'python' is off"),
        ({"languages": {}}, {"languages": {"python": False}}, "language 'python' is off"),
        ({"languages": {}}, {"languages": {"python": True}, "exclude": ["a.py"]}, "excluded by 'a"),
    ],
)
def test_a_document_opened_before_the_settings_come_is_forgotten_where_they_leave_it_off(
    start_editor: "StartEditor",
    script: "Script",
    options: dict[str, Any],
    settings: dict[str, Any],
    why: str,
) -> None:
    editor, given = start_editor(), [settings]
    open_before_settings(editor, {**script.options, **options}, given)
    assert eventually(lambda: reason(editor).startswith(why))
    assert editor.ask(0, 3) == []
    given.append({"languages": {"python": True}})
    editor.client.notify("workspace/didChangeConfiguration", {"settings": None})
    assert eventually(lambda: reason(editor) == "not read since it was turned off")
    assert script.asked == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"languages": {"python": False}}, "not read since it was turned off"),
        ({"languages": {}, "exclude": ["a.py"]}, "excluded by 'a.py'"),
    ],
)
def test_what_the_first_options_turn_off_is_not_kept_until_the_settings_come(
    start_editor: "StartEditor", script: "Script", options: dict[str, Any], why: str
) -> None:
    editor = start_editor()
    settings = {"languages": {"python": True}, "exclude": []}
    open_before_settings(editor, {**script.options, **options}, [settings])
    assert eventually(lambda: reason(editor) == why)
    assert editor.ask(0, 3) == []
    assert script.asked == []
