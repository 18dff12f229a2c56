"""Real VS Code for the tests: takes files, settings and rules, gives a window with the extension.

code-server is VS Code behind a web page, driven in headless Chromium. The installed extension
is shared by all tests; each has a server process, a user and a folder of its own.
"""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, sync_playwright

from tests.editors.vscode.code_server import (
    ENTRY,
    PATIENCE,
    address,
    end,
    free_port,
    prefixed,
    run_code_server,
    wait_for_pages,
    write_settings,
)
from tests.needed import unavailable
from tests.scripted import Rules, Script, script_bundle, write_script

__all__ = ["Rules", "Script", "script_bundle", "write_script"]

ROOT = Path(__file__).parents[3]
EXTENSION = ROOT / "editors" / "vscode"
PACKAGE = ROOT / ".cache" / "editors" / "vscode" / "lory.vsix"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
TOAST = 10_000
"""Milliseconds after which a notification hides itself, in a list of which it then is."""
COMMAND = (sys.executable, "-m", "lsp_server")
USUAL: dict[str, Any] = {
    "lory.command": list(COMMAND),
    "files.autoSave": "off",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.enableExperiments": False,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "extensions.ignoreRecommendations": True,
    "git.enabled": False,
    "window.restoreWindows": "none",
}
"""User settings of every test: what keeps VS Code to itself; how it edits is as it comes."""


@pytest.hookimpl(tryfirst=True)  # before what is marked is chosen by its marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """VS Code takes both cores to itself: beside another, keys and notifications come too late."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.alone)


class Window:
    """One window of VS Code."""

    def __init__(self, page: Page, folder: Path, user: Path, log: Path) -> None:
        self.page, self.folder, self.user, self.log = page, folder, user, log

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        """What a condition gives, once it gives anything."""
        deadline = monotonic() + PATIENCE
        while not (value := found()):
            if monotonic() > deadline:
                self.fail(what)
            self.page.wait_for_timeout(25)
        return value

    def fail(self, what: str) -> NoReturn:
        """Fail the test, with all that can be seen."""
        shot = self.log.with_suffix(".png")
        self.page.screenshot(path=shot)
        seen = {"status": self.status(), "ghost": self.ghost(), "notes": self.notes()}
        pytest.fail(f"never: {what}; {seen}; see {shot} and {self.log}")

    @property
    def file(self) -> Path:
        """The document that is open."""
        return self.folder / "a.py"

    def ghost(self) -> str:
        """The ghost text, its lines one after the other without line ends; "" for none."""
        spans = self.page.locator(".monaco-editor [class*='ghost-text']")
        return "".join(spans.all_text_contents()).replace("\xa0", " ")

    def status(self) -> str:
        """The text of Lory's item in the status bar."""
        items = self.page.locator(".statusbar-item", has_text="Lory").all_text_contents()
        return " ".join(items).strip()

    def text(self) -> str:
        """What the editors and panels on show say."""
        return " ".join(self.page.locator(".view-lines").all_text_contents()).replace("\xa0", " ")

    def notes(self) -> list[str]:
        """Texts of the notifications on show."""
        return self.page.locator(".notification-list-item-message").all_text_contents()

    def button(self, note: str, label: str) -> Locator:
        """A button of a notification."""
        item = self.page.locator(".notification-list-item", has_text=note)
        return item.locator(".monaco-button", has_text=label)

    def press_button(self, note: str, label: str) -> None:
        """Press a button of a notification; from the list of them, once it has hidden itself."""
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            try:
                self.button(note, label).locator("visible=true").first.click(timeout=TOAST)
                return
            except TimeoutError:
                self.command("Notifications: Show Notifications")
        self.fail(f"button {label!r} of {note!r}")

    def log_text(self) -> str:
        """What the extension has logged."""
        found = (self.user / "logs").rglob("*Lory.log")
        return "".join(path.read_text(encoding="utf-8") for path in found)

    def ready(self) -> None:
        """Wait for the model."""
        self.until("ready", lambda: self.status() == "Lory")

    def go(self, line: int) -> None:
        """Put the cursor at the end of a line, from 1 on."""
        self.page.click(".monaco-editor .view-lines")
        self.press("Control+Home", *["ArrowDown"] * (line - 1), "End")

    def press(self, *keys: str) -> None:
        """Press keys."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type, key by key."""
        self.page.keyboard.type(text, delay=20)

    def expect(self, ghost: str) -> None:
        """Wait for a ghost text; "" for none."""
        self.until(f"ghost text {ghost!r}", lambda: self.ghost() == ghost)

    def save(self) -> None:
        """Save the document."""
        self.press("Control+s")

    def expect_file(self, text: str) -> None:
        """Save until the file on the disk has a text."""
        self.save()
        self.until(f"file {text!r}", lambda: self.file.read_text(encoding="utf-8") == text)

    def command(self, title: str) -> None:
        """Run a command of the palette."""
        self.press("F1")
        self.pick(f">{title}", title)

    def pick(self, typed: str, label: str) -> None:
        """Type into the palette, and take the entry of this label."""
        self.page.locator(".quick-input-widget:visible input:focus").fill(typed)
        whole = re.compile(f"^{re.escape(label)}$")
        name = self.page.locator(".quick-input-list .label-name").filter(has_text=whole)
        name.first.click()

    def set(self, **settings: Any) -> None:
        """Change user settings of Lory in VS Code's own editor for them."""
        path = self.user / "User" / "settings.json"
        text = json.dumps({**json.loads(path.read_text()), **prefixed(settings)})
        self.command("Preferences: Open User Settings (JSON)")
        tab = self.page.locator(".tab.active", has_text="settings.json")
        tab.wait_for()
        self.until("the settings", lambda: "restoreWindows" in self.text())
        self.page.wait_for_selector(".monaco-editor.focused")
        self.press("Control+a")
        self.page.keyboard.insert_text(text)
        self.save()
        self.until("saved settings", lambda: path.read_text().startswith(text))  # it closes quotes
        self.command("View: Close Editor")
        tab.wait_for(state="detached")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; it keeps an event loop running, so it goes before other tests come."""
    with start_browser() as browser:
        yield browser


@contextmanager
def start_browser() -> Iterator[Browser]:
    """Headless Chromium; skips, or fails, where there is none."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        unavailable("no Chromium on PATH; run: make editors")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of extensions with Lory in it, as a user would install it."""
    if not ENTRY.exists() or shutil.which("node") is None:
        unavailable("no code-server; run: make editors")
    if not PACKAGE.exists():
        unavailable("the extension is not packaged; run: make editors")
    return install_extension(tmp_path_factory.mktemp("extensions"))


def install_extension(folder: Path) -> Path:
    """Install Lory in an empty folder, as a user would; where the extensions then are."""
    extensions, home = folder / "extensions", folder / "installing"
    home.mkdir()
    arguments = ["--extensions-dir", str(extensions), "--install-extension", str(PACKAGE)]
    run_code_server(arguments, home).wait(PATIENCE)
    assert list(extensions.glob("lory.lory-*")), "the extension was not installed"
    return extensions


OpenWindow = Callable[..., Window]


@pytest.fixture
def open_window(browser: Browser, extensions: Path, tmp_path: Path) -> Iterator[OpenWindow]:
    """Gives a window on a folder with `a.py` open in it; settings are the user's."""
    with ExitStack() as stack:

        def start(
            text: str,
            trusting: bool = True,
            environment: dict[str, str] | None = None,
            **settings: Any,
        ) -> Window:
            values = {**USUAL, **prefixed(settings)}
            if trusting:
                values["security.workspace.trust.enabled"] = False
            page = open_page(stack, browser)
            return show(stack, page, Home(tmp_path, extensions, text, values, environment or {}))

        yield start


@dataclass(frozen=True, slots=True)
class Home:
    """What one code-server is started for."""

    folder: Path
    extensions: Path
    text: str
    """Of `a.py`."""
    settings: dict[str, Any]
    environment: dict[str, str] = field(default_factory=dict)


def open_page(stack: ExitStack, browser: Browser) -> Page:
    """An empty page of its own."""
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    context.set_default_timeout(PATIENCE * 1000)
    stack.callback(context.close)
    return context.new_page()


def show(stack: ExitStack, page: Page, home: Home) -> Window:
    """A code-server whose window is on a page; `stack` ends it."""
    own, project = home.folder / "home", home.folder / "my project"
    project.mkdir()
    (project / "a.py").write_text(home.text, encoding="utf-8")
    write_settings(own / "data", home.settings)
    environment = {"LORY_FEEDBACK": str(home.folder / "feedback.sqlite"), **home.environment}
    port = free_port()
    arguments = ["--extensions-dir", str(home.extensions), "--auth", "none", "--disable-proxy"]
    arguments += ["--bind-addr", f"127.0.0.1:{port}", "--disable-update-check"]
    arguments += ["--disable-telemetry", "--disable-getting-started-override"]
    process = run_code_server([*arguments, str(project)], own, project, environment)
    stack.callback(end, process)
    wait_for_pages(port, process)
    page.goto(address(port, project))
    window = Window(page, project, own / "data", own / "log")
    window.until("the document", page.locator(".monaco-editor .view-line").count)
    return window
