"""Settings that change while the server runs, files that are never read, bundles that fail."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Editor, Rules, Script, StartEditor

RULES: list[dict[str, Any]] = [
    {"after": "ret", "completion": "urn a + b", "logprob": -0.44},
    {"after": "KEY=", "completion": "hunter2"},
]
LATE = 4.5
"""Seconds after which a slow client answers: the model is loaded long before."""
CONFIGURED = {
    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
    "experimental": {"loryStatus": True},
    "textDocument": {"inlineCompletion": {}},
}


@pytest.fixture
def script(write_script: "Callable[[Rules], Script]") -> "Script":
    """The rules of this module."""
    return write_script(RULES)


def configure(editor: "Editor", settings: dict[str, Any]) -> None:
    """Send settings to a server that does not ask for them."""
    editor.client.notify("workspace/didChangeConfiguration", {"settings": {"lory": settings}})


def save(editor: "Editor", text: str) -> None:
    """Save `a.py`."""
    saved = {"textDocument": {"uri": editor.uri("a.py")}, "text": text}
    editor.client.notify("textDocument/didSave", saved)


def eventually(check: Callable[[], bool]) -> bool:
    """Whether something comes true within a while."""
    deadline = time.monotonic() + 20
    while not check() and time.monotonic() < deadline:
        time.sleep(0.05)
    return check()


def test_sent_settings_hold_for_the_document_that_is_opened_right_after(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "min_probability": 0.1})
    editor.wait_status("ready")
    for turn in range(20):
        configure(editor, {"languages": {}})
        configure(editor, {"languages": {"python": True}})
        editor.open("ret", name=f"{turn}.py")
        assert editor.ask(0, 3, name=f"{turn}.py") == ["urn a + b"]


def test_settings_that_the_client_is_asked_for_hold_and_their_changes_too(
    start_editor: "StartEditor", script: "Script"
) -> None:
    settings: dict[str, Any] = {"min_probability": 0.1}
    editor = start_editor(configuration={"lory": settings})
    editor.initialize(script.options, CONFIGURED)
    editor.wait_status("ready")
    editor.open("ret")
    assert editor.ask(0, 3) == ["urn a + b"]
    settings["min_probability"] = 0.99
    editor.client.notify("workspace/didChangeConfiguration", {"settings": None})
    assert eventually(lambda: editor.ask(0, 3) == [])
    assert editor.states.count("ready") == 1  # nothing was loaded again


def test_the_status_is_told_again_when_other_files_may_be_read(
    start_editor: "StartEditor", script: "Script"
) -> None:
    """Status bars show whether a file is read, and can ask too early by themselves."""
    editor = start_editor()
    editor.initialize({**script.options, "min_probability": 0.1})
    editor.wait_status("ready")
    editor.open("ret")

    def expect(change: Callable[[], None], *, read: bool) -> None:
        told = len(editor.states)
        change()
        assert eventually(lambda: len(editor.states) > told)
        assert (editor.states[-1], editor.explain()["read"]) == ("ready", read)

    expect(partial(configure, editor, {"exclude": ["**/a.py"]}), read=False)
    expect(partial(configure, editor, {}), read=False)  # until it is saved
    expect(partial(save, editor, "ret"), read=True)
    told = len(editor.states)
    configure(editor, {"min_probability": 0.2})
    assert editor.explain()["read"]
    assert len(editor.states) == told


def test_a_faulty_setting_is_shown_in_the_editor_and_leaves_the_others_alone(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "min_probability": 0.1})
    editor.open("ret")
    assert editor.ask(0, 3) == ["urn a + b"]
    configure(editor, {"min_probabilty": 0.2})
    assert eventually(lambda: bool(editor.messages))
    [message] = editor.messages
    assert message.startswith("Lory: unknown setting 'min_probabilty'; known are: enabled,")
    assert editor.ask(0, 3) == ["urn a + b"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"enabled": False, "typo": 1}, "unknown setting 'typo'"),
        ({"enabled": "false", "typo": 1}, "'enabled': expected bool, found 'false'"),
        ({"exclude": "a.py"}, "'exclude': expected tuple[str, ...], found 'a.py'"),
        ({"languages": {"python": 0}}, "'languages': expected dict[str, bool]"),
    ],
)
def test_faulty_options_do_not_turn_reading_on(
    start_editor: "StartEditor", script: "Script", options: dict[str, Any], told: str
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, **options})
    editor.open("ret")
    assert editor.ask(0, 3) == []
    assert eventually(lambda: bool(editor.messages))
    [message] = editor.messages
    assert told in message
    assert script.asked == []
    assert ("loading" in editor.states) == ("enabled" not in options)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        (".env", "python"),
        (".env.py", "python"),
        ("sub/.ENV", "dotenv"),
        ("server.pem", "python"),
        ("id_rsa", "python"),
        ("secrets.py", "python"),
        (".git/hook.py", "python"),
        ("notes.md", "markdown"),
        ("private/a.py", "python"),
    ],
)
def test_files_that_are_off_never_reach_the_engine(
    start_editor: "StartEditor", script: "Script", name: str, language: str
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "exclude": ["private/**"]})
    editor.open("KEY=", name, language)
    editor.type("\nKEY=", 0, 4, name)
    assert editor.ask(1, 4, name) == []
    editor.open("ret")
    assert editor.ask(0, 3)
    assert [asked["path"] for asked in script.asked] == ["a.py"]


def test_a_link_does_not_lead_to_a_file_that_is_off(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    editor.initialize(script.options)
    (editor.root / ".env").write_text("KEY=")
    (editor.root / "a.py").symlink_to(editor.root / ".env")
    editor.open("KEY=")
    assert editor.ask(0, 4) == []
    assert script.asked == []


def test_a_file_that_is_turned_off_is_forgotten_and_read_again_once_it_is_saved(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    options = {**script.options, "min_probability": 0.1}
    editor.initialize(options)
    editor.open("ret")
    assert editor.ask(0, 3) == ["urn a + b"]
    configure(editor, {"exclude": ["a.py"]})
    assert eventually(lambda: editor.ask(0, 3) == [])
    configure(editor, {})
    time.sleep(0.2)
    assert editor.ask(0, 3) == []
    save(editor, "x = 1\nret")
    assert editor.ask(1, 3) == ["urn a + b"]


@pytest.mark.parametrize("settings", [{"exclude": ["a.py"]}, {}])
def test_nothing_reaches_the_engine_before_the_client_has_told_its_settings(
    start_editor: "StartEditor", script: "Script", settings: dict[str, Any]
) -> None:
    editor = start_editor()

    def tell(_: Any) -> list[Any]:
        time.sleep(LATE)
        return [settings]

    editor.client.handlers["workspace/configuration"] = tell
    editor.initialize({**script.options, "min_probability": 0.1}, CONFIGURED)
    editor.open("ret")
    assert editor.ask(0, 3) == []  # answered once the patience is over
    assert script.asked == []
    editor.wait_status("ready")
    assert editor.ask(0, 3) == ([] if settings else ["urn a + b"])
    assert len(script.asked) == (0 if settings else 1)


def test_turned_off_and_on_the_server_forgets_and_loads(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "enabled": False})
    editor.wait_status("off")
    editor.open("ret")
    assert editor.ask(0, 3) == []
    configure(editor, {"enabled": True, "min_probability": 0.1})
    editor.wait_status("ready")
    editor.open("ret", "b.py")
    assert editor.ask(0, 3, "b.py") == ["urn a + b"]
    assert [asked["path"] for asked in script.asked] == ["b.py"]


@pytest.mark.parametrize("damage", ["missing", "flipped byte", "other format", "no tokenizer"])
def test_a_bad_bundle_is_one_clear_error_and_a_good_one_mends_it(
    start_editor: "StartEditor", script: "Script", tmp_path: Path, damage: str
) -> None:
    good, bad = Path(str(script.options["bundle"])), tmp_path / "bad bundle"
    if damage != "missing":
        shutil.copytree(good, bad)
    if damage == "flipped byte":
        data = bytearray((bad / "model.onnx").read_bytes())
        data[-1] ^= 1
        (bad / "model.onnx").write_bytes(data)
    if damage == "other format":
        (bad / "bundle.json").write_text('{"format": 99}')
    if damage == "no tokenizer":
        (bad / "tokenizer.json").unlink()
    editor = start_editor()
    editor.initialize({**script.options, "bundle": str(bad), "min_probability": 0.1})
    editor.open("ret")
    assert editor.ask(0, 3) == []
    assert editor.states[-1] == "error"
    [message] = editor.messages
    assert str(bad) in message
    assert "expected" in message
    assert "found" in message
    assert "\n" not in message
    configure(editor, {"bundle": str(good)})
    editor.wait_status("ready")
    assert editor.ask(0, 3) == ["urn a + b"]
    assert len(editor.messages) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"engine": "unheard-of"},
            "expected one of onnx, project, remote, scripted; found 'unheard-of'",
        ),
        ({"engine_options": {}}, "expected other engine_options, found {}"),
        ({"filters": ["unheard-of"]}, "expected one of blank, likely, repeats"),
    ],
)
def test_an_unknown_plugin_is_one_clear_error(
    start_editor: "StartEditor", script: "Script", options: dict[str, Any], said: str
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, **options})
    assert eventually(lambda: bool(editor.messages))
    [message] = editor.messages
    assert said in message


def test_an_untrusted_workspace_gets_the_built_in_bundle_and_engine_alone(
    start_editor: "StartEditor", script: "Script"
) -> None:
    editor = start_editor()
    editor.initialize({**script.options, "trusted": False})
    editor.open("ret")
    editor.ask(0, 3)
    assert script.asked == []


def test_a_killed_server_can_be_started_again(
    start_editor: "StartEditor", write_script: "Callable[[Rules], Script]"
) -> None:
    script = write_script(
        [{"after": "slow", "completion": "ly", "delay_ms": 20_000}, *RULES],
    )
    options = {**script.options, "min_probability": 0.1}
    editor = start_editor()
    editor.initialize(options)
    editor.open("slow")
    request = editor.start(0, 4)
    assert editor.client.wait(request, 0.5) is None
    editor.client.process.kill()
    again = start_editor()
    again.initialize(options)
    again.open("ret")
    assert again.ask(0, 3) == ["urn a + b"]
