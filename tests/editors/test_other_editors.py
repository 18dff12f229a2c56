"""The snippets of editors/README.md in real editors: each completes a line by the shipped model."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from time import monotonic, sleep

import pytest

from tests.needed import unavailable

ROOT = Path(__file__).parents[2]
EDITORS = ROOT / ".cache" / "editors"
README = ROOT / "editors" / "README.md"
PATIENCE = 60.0
BEFORE, OFFERED = "if __name__ == ", '"__main__'

UNPACKED_EMACS = """
(setq native-comp-enable-subr-trampolines nil native-comp-jit-compilation nil)
(load "lsp-mode-autoloads")
"""
"""What its installation would have done: packages are known, and nothing is compiled."""

pytestmark = pytest.mark.slow


def snippet(heading: str) -> str:
    """The code below a heading of editors/README.md."""
    section = README.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.search(r"```\w+\n(.*?)```", section, re.DOTALL)
    assert found, f"no snippet below {heading!r}"
    return found[1]


def program(folder: str, name: str) -> Path:
    """An editor's program; skips, or fails, where the set-up has not put it here."""
    path = EDITORS / folder / "root" / "usr" / name
    if not path.exists() or which("tmux") is None:
        unavailable(f"expected {path} and tmux, found less; get them by: make editors")
    return path


@dataclass(frozen=True, slots=True)
class Terminal:
    """A program in a terminal of its own."""

    socket: Path

    def start(self, home: Path, command: list[str]) -> None:
        """Run a command with a home folder, `lory` of this environment on PATH."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        variables = {"HOME": home, "PATH": path, "TERM": "tmux-256color", "LANG": "C.UTF-8"}
        settings = [f"{name}={value}" for name, value in variables.items()]
        size = ["-x", "100", "-y", "24", "-c", str(home)]
        self.call("new-session", "-d", *size, "env", "-i", *settings, *command)

    def call(self, *arguments: str) -> str:
        """A tmux command's output."""
        command = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def type(self, text: str) -> None:
        """Type text as it is."""
        self.call("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names."""
        self.call("send-keys", *keys)

    def wait(self, condition: Callable[[str], bool], retry: str = "") -> str:
        """The screen once a condition holds; presses a key again every two seconds until then."""
        deadline = monotonic() + PATIENCE
        again = monotonic() + 2
        while not condition(screen := self.call("capture-pane", "-p")):
            if monotonic() > deadline:
                pytest.fail(f"never on the screen; it shows:\n{screen}")
            if retry and monotonic() > again:
                again = monotonic() + 2
                self.press(*retry.split())
            sleep(0.1)
        return screen


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal, and a project with an empty Python file in the home folder."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text("import sys\n")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    terminal = Terminal(tmp_path / "tmux")
    yield terminal
    subprocess.run(
        ["tmux", "-S", str(terminal.socket), "kill-server"], check=False, capture_output=True
    )


def wait_until_saved(terminal: Terminal, home: Path) -> None:
    """Wait for the suggestion in the file, which an editor that saves it may first move away."""

    def saved(_screen: str) -> bool:
        try:
            return BEFORE + OFFERED in (home / "project" / "app.py").read_text()
        except FileNotFoundError:
            return False

    terminal.wait(saved)


def start_emacs(terminal: Terminal, home: Path, init: str) -> None:
    """Start Emacs with an init file at the project's file."""
    root = program("emacs", "bin/emacs-nox").parents[2]
    lisp = root / "usr" / "share" / "emacs"
    elpa = [f for f in (lisp / "site-lisp" / "elpa-src").iterdir() if f.is_dir()]
    load = [part for folder in elpa for part in ("-L", str(folder))]
    sources = [str(f) for f in (lisp / "30.2" / "lisp").rglob("*") if f.is_dir()]
    dump = next((root / "usr" / "libexec").rglob("emacs-*.pdmp"))
    (home / "init.el").write_text(UNPACKED_EMACS + init)
    environment = [
        "env",
        f"EMACSLOADPATH={':'.join([str(lisp / '30.2' / 'lisp'), *sources])}",
        f"EMACSDATA={lisp / '30.2' / 'etc'}",
    ]
    emacs = [str(root / "usr/bin/emacs-nox"), f"--dump-file={dump}", "-nw", "-Q", *load]
    terminal.start(home, [*environment, *emacs, "-l", str(home / "init.el"), "project/app.py"])


def test_emacs_with_lsp_mode_shows_ghost_text_and_takes_it(
    terminal: Terminal, tmp_path: Path
) -> None:
    unasked = "(setq lsp-auto-guess-root t)\n"
    in_a_terminal = (  # which knows no C-<return>
        '(define-key lsp-inline-completion-active-map (kbd "C-o") \'lsp-inline-completion-accept)'
    )
    init = unasked + snippet("Emacs: lsp-mode 10, ghost text") + in_a_terminal
    start_emacs(terminal, tmp_path, init)
    terminal.wait(lambda screen: "[lory:" in screen)
    terminal.press("M->")
    terminal.type(BEFORE)
    terminal.wait(lambda screen: BEFORE + OFFERED in screen, retry="Space BSpace")
    terminal.press("C-o", "C-x", "C-s")
    wait_until_saved(terminal, tmp_path)


def test_emacs_with_eglot_completes_at_point(terminal: Terminal, tmp_path: Path) -> None:
    start_emacs(terminal, tmp_path, snippet("Emacs: eglot, completion menu"))
    terminal.wait(lambda screen: "eglot" in screen)
    terminal.press("M->")
    terminal.type(BEFORE)
    terminal.press("C-M-i")
    terminal.wait(lambda screen: BEFORE + OFFERED in screen, retry="C-M-i")
    terminal.press("C-x", "C-s")
    wait_until_saved(terminal, tmp_path)


def test_helix_has_the_suggestion_in_its_menu(terminal: Terminal, tmp_path: Path) -> None:
    helix = program("helix", "bin/hx")
    settings = tmp_path / ".config" / "helix"
    settings.mkdir(parents=True)
    (settings / "languages.toml").write_text(snippet("Helix: completion menu"))
    runtime = f"HELIX_RUNTIME={helix.parents[1] / 'lib' / 'hx' / 'runtime'}"
    terminal.start(tmp_path, ["env", runtime, str(helix), "project/app.py"])
    terminal.wait(lambda screen: "import sys" in screen)
    terminal.press("o")
    terminal.type(BEFORE)
    terminal.wait(lambda screen: OFFERED in screen, retry="C-x")
    terminal.press("Tab", "Enter", "Escape", "Escape")  # a menu that opens again takes the first
    terminal.type(":write\r")
    wait_until_saved(terminal, tmp_path)
