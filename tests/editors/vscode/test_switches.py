"""Off means not read: switches, settings that change while VS Code runs, trust."""

from collections.abc import Callable

from tests.editors.vscode.conftest import OpenWindow, Script, Window
from tests.scripted import Rules

WriteScript = Callable[[Rules], Script]
RULES: Rules = [
    {"after": "x = ", "completion": "first(a)\n", "logprob": -0.1},
    {"after": "y = ", "completion": "doubtful\n", "logprob": -1.0},
]


def ask(window: Window, line: int, text: str) -> None:
    window.go(line)
    window.type(text)


def test_off_asks_the_engine_nothing_and_on_goes_on(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    script = write_script(RULES)
    window = open_window("x\nx\nx\nx\n", **script.options)
    window.ready()
    window.command("Lory: Turn On or Off")
    window.until("off", lambda: window.status() == "Lory: off")
    ask(window, 1, " = ")
    window.page.wait_for_timeout(500)
    assert (window.ghost(), script.asked) == ("", [])

    window.command("Lory: Turn On or Off")
    window.ready()
    ask(window, 2, " = ")
    window.expect("first(a)")
    window.press("Escape")
    asked = len(script.asked)

    window.command("Lory: Turn On or Off for This Language")
    window.until("off here", lambda: window.status() == "Lory: off here")
    ask(window, 3, " = ")
    window.page.wait_for_timeout(500)
    assert (window.ghost(), len(script.asked)) == ("", asked)

    window.command("Lory: Turn On or Off for This Language")
    window.until("on again", lambda: window.status() == "Lory")
    ask(window, 4, " = ")
    window.expect("first(a)")


def test_a_changed_setting_holds_at_once(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    window = open_window("y\ny\n", **write_script(RULES).options)
    window.ready()
    ask(window, 1, " = ")
    window.page.wait_for_timeout(500)
    assert window.ghost() == ""

    window.set(min_probability=0.3)
    ask(window, 2, " = ")

    window.expect("doubtful")


def test_a_workspace_without_trust_gets_the_built_in_model_alone(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    script = write_script(RULES)
    window = open_window("", trusting=False, **script.options)
    window.until("the question", lambda: window.page.locator(".monaco-dialog-box").count())
    window.page.locator(".monaco-dialog-box .monaco-button", has_text="No").first.click()
    window.ready()
    ask(window, 1, "if __name__ == ")

    window.expect('"__main__":')
    assert script.asked == []


def test_a_workspace_adds_to_what_its_user_excludes_and_a_bad_glob_is_said(
    open_window: OpenWindow, write_script: WriteScript
) -> None:
    script = write_script(RULES)
    window = open_window("x\nx\n", **script.options, exclude=["a.py"])
    (window.folder / ".vscode").mkdir()
    (window.folder / ".vscode" / "settings.json").write_text('{"lory.exclude": ["[z-a]"]}')
    window.until("what is wrong", lambda: any("[z-a]" in note for note in window.notes()))
    (window.folder / ".vscode" / "settings.json").write_text('{"lory.exclude": []}')
    window.until("off here", lambda: window.status() == "Lory: off here")
    ask(window, 1, " = ")
    window.page.wait_for_timeout(500)
    assert (window.ghost(), script.asked) == ("", [])
